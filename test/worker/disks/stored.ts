/** Disks of the fixtures as stored images, and the secret of those that are encrypted. */

import { expect } from 'vitest';
import type { MemoryDevice } from '../../../src/storage/memory.ts';
import { stackDevice } from '../../fixtures/load.ts';
import { request } from '../harness.ts';

export const SECRET = 'correct horse';
export const passphrase = { 'lkl-passphrase': SECRET };

export async function bytesOf({ sectors, read }: MemoryDevice): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sectors * 512);
  await read(0, bytes);
  return bytes;
}

/** Another file of tests may have stored one of them, too. */
export async function storeStacks(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const body = await bytesOf(await stackDevice(name));
    await request(`/v1/images/${name}`, { method: 'DELETE' });
    expect((await request(`/v1/images/${name}`, { method: 'PUT', body })).status).toBe(201);
  }
}
