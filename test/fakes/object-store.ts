/** Objects in memory, as R2 keeps them, that fail when they are told to. */

import type { ObjectStore } from '../../src/storage/volume/object-store.ts';

/** What becomes of a call: it fails without effect, it takes effect and its answer is lost, or it is done twice. */
export type Fault = 'before' | 'after' | 'twice';

export interface FakeStore extends ObjectStore {
  readonly objects: Map<string, { bytes: Uint8Array; etag: string; storedMs: number }>;
  /** Calls so far, by name. */
  readonly calls: string[];
  /** Asked before each call. */
  fault: (call: string, number: number) => Fault | undefined;
  /** What it takes for the time of day. */
  nowMs: number;
  /** The same objects, seen by somebody else, without faults. */
  calm(): ObjectStore;
}

export class StoreFault extends Error {}

export function fakeStore(): FakeStore {
  const objects: FakeStore['objects'] = new Map();
  let etags = 0;
  const plain: ObjectStore = {
    async get(key) {
      const object = objects.get(key);
      return object && { bytes: object.bytes.slice(), etag: object.etag };
    },
    async read(key, offset, into) {
      const object = objects.get(key);
      if (object === undefined || offset + into.length > object.bytes.length) throw new Error(`${key}: no such range`);
      into.set(object.bytes.subarray(offset, offset + into.length));
    },
    async put(key, bytes) {
      objects.set(key, { bytes: bytes.slice(), etag: `e${++etags}`, storedMs: store.nowMs });
    },
    async swap(key, bytes, etag) {
      if (objects.get(key)?.etag !== etag) return undefined;
      await plain.put(key, bytes);
      return objects.get(key)?.etag;
    },
    async delete(keys) {
      for (const key of keys) objects.delete(key);
    },
    async *list(prefix) {
      for (const [key, { bytes, storedMs }] of [...objects].filter(([name]) => name.startsWith(prefix))) {
        yield { key, sizeBytes: bytes.length, storedMs };
      }
    },
  };
  const faulty = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    store.calls.push(name);
    const fault = store.fault(name, store.calls.length - 1);
    if (fault === 'before') throw new StoreFault(name);
    const answer = await call();
    if (fault === 'twice') return call();
    if (fault === 'after') throw new StoreFault(name);
    return answer;
  };
  const store: FakeStore = {
    objects,
    calls: [],
    fault: () => undefined,
    nowMs: 0,
    calm: () => plain,
    get: (key) => faulty(`get ${key}`, () => plain.get(key)),
    read: (key, offset, into) => faulty(`read ${key}`, () => plain.read(key, offset, into)),
    put: (key, bytes) => faulty(`put ${key}`, () => plain.put(key, bytes)),
    swap: (key, bytes, etag) => faulty(`swap ${key}`, () => plain.swap(key, bytes, etag)),
    delete: (keys) => faulty('delete', () => plain.delete(keys)),
    list: plain.list,
  };
  return store;
}
