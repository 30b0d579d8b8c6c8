/** The Worker over a bucket that fails: one operation of each so many, in one way after another. A Worker's entry. */

import worker from '../../src/worker/index.ts';

export { AuditTrail, Dav, Ledger, Session, SessionIndex, TokenRegistry } from '../../src/worker/index.ts';

/** Of so many operations one fails. */
const EVERY = 4;

type Get = (key: string, options?: R2GetOptions) => Promise<R2ObjectBody | R2Object | null>;

/** Ways in which a read can be wrong. */
const badReads: readonly ((get: Get, key: string, options: R2GetOptions) => ReturnType<Get>)[] = [
  () => Promise.reject(new Error('get: We encountered an internal error. Please try again. (10001)')),
  () => Promise.reject(new Error('Network connection lost.')),
  () => Promise.reject(new Error('get: Missing or invalid authentication credentials (10002)')),
  async (get, key, options) => changed(await get(key, options), (body) => body.slice(0, body.byteLength >> 1)),
  async (get, key, options) => changed(await get(key, options), () => new ArrayBuffer(0)),
  async (get, key, { range: _, ...options }) => changed(await get(key, options), (body) => body),
  async (get, key, options) => {
    const found = await get(key, options);
    return found && Object.assign(Object.create(found), { etag: 'another' });
  },
];

async function changed(found: Awaited<ReturnType<Get>>, change: (body: ArrayBuffer) => ArrayBuffer) {
  if (found === null || !('body' in found)) return found;
  const { etag, size, range, customMetadata, uploaded, checksums } = found;
  const body = new Blob([change(await found.arrayBuffer())]).stream();
  return { etag, size, range, customMetadata, uploaded, checksums, body } as R2ObjectBody;
}

let operations = 0;

function faulty(bucket: R2Bucket): R2Bucket {
  const fails = () => ++operations % EVERY === 0;
  const get: Get = (key, options = {}) => {
    const own: Get = (...args) => bucket.get(...args);
    const bad = badReads[Math.floor(operations / EVERY) % badReads.length];
    return fails() && bad ? bad(own, key, options) : own(key, options);
  };
  const failing =
    <Args extends unknown[], T>(name: string, act: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> =>
      fails() ? Promise.reject(new Error(`${name}: Service is temporarily unavailable (10043)`)) : act(...args);
  const methods: Partial<R2Bucket> = {
    get: get as R2Bucket['get'],
    head: failing('head', (key: string) => bucket.head(key)),
    put: failing('put', (...args: Parameters<R2Bucket['put']>) => bucket.put(...args)) as R2Bucket['put'],
    delete: failing('delete', (keys: string | string[]) => bucket.delete(keys)),
    list: failing('list', (options?: R2ListOptions) => bucket.list(options)),
    createMultipartUpload: failing('create', (...args: Parameters<R2Bucket['createMultipartUpload']>) =>
      bucket.createMultipartUpload(...args),
    ),
    resumeMultipartUpload: (key, id) => bucket.resumeMultipartUpload(key, id),
  };
  return methods as R2Bucket;
}

export default {
  fetch(request: Request, bindings: Cloudflare.Env, context: ExecutionContext) {
    const isFaulty = request.headers.has('x-faults');
    const IMAGES = isFaulty ? faulty(bindings.IMAGES) : bindings.IMAGES;
    return worker.fetch(request, { ...bindings, IMAGES }, context);
  },
};
