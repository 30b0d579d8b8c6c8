/** Puts images into the storage of an embedded Worker. */

import { openAsBlob } from 'node:fs';

/** Stores the file as the image `name`. */
export async function upload(worker: { readonly url: URL }, name: string, path: string): Promise<void> {
  const answer = await fetch(new URL(`v1/images/${name}`, worker.url), { method: 'PUT', body: await openAsBlob(path) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
