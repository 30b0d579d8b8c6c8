/** Images in storage: put, look up, list, delete. */

import { HostError } from '../../errors/host-error.ts';
import { ImageNotFoundError } from '../../storage/errors.ts';
import type { Hold } from '../bodies/budget.ts';
import { type Condition, isMet, type StoredImage } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { saveStream } from '../storage/save-stream.ts';
import { type Body, type IncomingLimits, openBody } from './incoming.ts';

/** Lets work go on after its request has ended, so that what a client left behind is cleaned up. */
export type KeepAlive = (work: Promise<unknown>) => void;

export interface ImageJobs {
  /** Streams the body into storage; an image appears whole or not at all. */
  put(
    name: string,
    body: Body,
    condition: Condition,
  ): Promise<{ readonly image: StoredImage; readonly created: boolean }>;
  get(name: string): Promise<StoredImage>;
  list: ImageStore['list'];
  /** Rejects with `forbidden` where whoever asks may not store, replace or delete the image. */
  mayWrite(name: string): Promise<void>;
  delete(name: string, condition: Condition): Promise<void>;
}

export interface ImageNeeds {
  readonly store: ImageStore & Pick<ImageJobs, 'mayWrite'>;
  readonly limits: IncomingLimits;
  readonly keepAlive: KeepAlive;
  /** Counts what is on its way to storage. */
  readonly memory: Hold;
}

export function imageJobs({ store, limits, keepAlive, memory }: ImageNeeds): ImageJobs {
  const get = async (name: string): Promise<StoredImage> => {
    const image = await store.head(name);
    if (image === undefined) throw imageNotFound(name);
    return image;
  };

  return {
    async put(name, body, condition) {
      await store.mayWrite(name);
      const before = await store.head(name);
      if (!isMet(before, condition)) throw new HostError('precondition-failed');
      const { bytes, lengthBytes } = await openBody(body, limits);
      const created = before === undefined;
      const saved = saveStream(store, name, bytes, lengthBytes, memory, condition);
      keepAlive(saved);
      const image = await saved;
      if (image === undefined) throw new HostError('precondition-failed');
      return { image, created };
    },
    get,
    list: (page) => store.list(page),
    mayWrite: (name) => store.mayWrite(name),
    async delete(name, condition) {
      await store.mayWrite(name);
      await get(name);
      if (!(await store.delete(name, condition))) throw new HostError('precondition-failed');
    },
  };
}

export const imageNotFound = (name: string): HostError => new HostError('image-not-found', `there is no image ${name}`);

/** Looks before there is work to do; whoever keeps the image looks again. Rejects with `precondition-failed`. */
export async function mustMeet(images: Pick<ImageStore, 'head'>, name: string, condition: Condition): Promise<void> {
  if (!isMet(await images.head(name), condition)) throw new HostError('precondition-failed');
}

/** What was looked up by the image's name. */
export async function named<T>(name: string, found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (cause) {
    throw cause instanceof ImageNotFoundError ? imageNotFound(name) : cause;
  }
}
