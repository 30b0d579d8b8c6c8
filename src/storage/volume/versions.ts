/** The versions of a volume: roots that never change, and the head, the one object that is ever replaced. */

import type { Problem } from '../../errors/problem.ts';
import { StorageError } from '../errors.ts';
import type { ObjectStore } from './object-store.ts';

/** What a version is made of. */
export interface Root {
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  /** Keys of its pages of chunks, in order; null: every chunk of it is the base's. */
  readonly pages: readonly (string | null)[];
  /** So much of the base shows, and zeros behind it: the volume was once made smaller than that. Default: all of it. */
  readonly baseBytes?: number;
}

export interface Version {
  readonly id: string;
  readonly createdMs: number;
  /** The version it was made from; null: the base itself. */
  readonly parent: string | null;
  /** Bytes of chunks that its writer put. */
  readonly writtenBytes: number;
  /** Its size, where that is not the base's. */
  readonly sizeBytes?: number;
}

/** The id of what was uploaded, before anything was written. */
export const UPLOADED = 'uploaded';

/** Which versions there are, and which of them is the volume now. */
export interface Head {
  /** The object that it was begun from, as it was then: of another one this head says nothing. */
  readonly base: string;
  /** The id of one of them, or UPLOADED. */
  readonly current: string;
  /** Oldest first. */
  readonly versions: readonly Version[];
}

export interface HeadObject {
  readonly head: Head;
  readonly etag: string;
}

/** Its key. */
export const HEAD = 'head';
const FORMAT = 1;

export const rootKey = (version: string): string => `roots/${version}`;

export async function readHead(store: ObjectStore): Promise<HeadObject | undefined> {
  const object = await store.get(HEAD);
  if (object === undefined) return undefined;
  return { head: decodeHead(object.bytes), etag: object.etag };
}

export function decodeHead(bytes: Uint8Array): Head {
  const { format, ...head }: Head & { readonly format: number } = JSON.parse(new TextDecoder().decode(bytes));
  if (format !== FORMAT) throw new StorageError('EUCLEAN', `a volume of format ${format} is not read here`);
  return head;
}

/** Replaces the head if it still is `etag` (undefined: not there); answers its new etag if so. */
export function swapHead(store: ObjectStore, head: Head, etag: string | undefined): Promise<string | undefined> {
  return store.swap(HEAD, encodeHead(head), etag);
}

export const encodeHead = (head: Head): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...head }));

export async function readRoot(store: ObjectStore, version: string): Promise<Root> {
  const object = await store.get(rootKey(version));
  if (object === undefined) throw new VersionGoneError(version);
  return JSON.parse(new TextDecoder().decode(object.bytes));
}

export const writeRoot = (store: ObjectStore, version: string, root: Root): Promise<void> =>
  store.put(rootKey(version), new TextEncoder().encode(JSON.stringify(root)));

/** There is no such version, or it was dropped. */
export class VersionGoneError extends StorageError {
  override readonly name = 'VersionGoneError';

  constructor(version: string) {
    super('ENOENT', `there is no version ${version}`);
  }

  override get problem(): Problem {
    return { name: 'version-not-found', detail: this.message, members: {} };
  }
}

/** Somebody else made a version meanwhile: nothing of this writer's is in the volume, but for the version that is named. */
export class VolumeChangedError extends StorageError {
  override readonly name = 'VolumeChangedError';
  /** What this writer wrote, beside the current one. */
  readonly version: string | undefined;

  constructor(version?: string) {
    const kept = version === undefined ? '' : `: what was written here is its version ${version}`;
    super('ESTALE', `the image was written by somebody else meanwhile${kept}`);
    this.version = version;
  }
}
