/** A bucket that tells of each of its operations. */

export type Operation =
  | 'head'
  | 'get'
  | 'put'
  | 'delete'
  | 'list'
  | 'create_upload'
  | 'put_part'
  | 'complete'
  | 'abort';

/** How one went: milliseconds, and whether R2 said no. */
export type Told = (operation: Operation, ms: number, failed: boolean) => void;

/** What of a bucket is used here. */
type Used = 'head' | 'get' | 'put' | 'delete' | 'list' | 'createMultipartUpload' | 'resumeMultipartUpload';

export function countedBucket(bucket: R2Bucket, nowMs: () => number, told: Told): R2Bucket {
  const timed = async <T>(operation: Operation, asked: Promise<T>): Promise<T> => {
    const start = nowMs();
    let failed = true;
    try {
      const answer = await asked;
      failed = false;
      return answer;
    } finally {
      told(operation, nowMs() - start, failed);
    }
  };
  const uploading = (upload: R2MultipartUpload): R2MultipartUpload => ({
    key: upload.key,
    uploadId: upload.uploadId,
    uploadPart: (...args) => timed('put_part', upload.uploadPart(...args)),
    complete: (parts) => timed('complete', upload.complete(parts)),
    abort: () => timed('abort', upload.abort()),
  });
  const counted: Pick<R2Bucket, Used> = {
    head: (key) => timed('head', bucket.head(key)),
    get: ((key: string, options: R2GetOptions) => timed('get', bucket.get(key, options))) as R2Bucket['get'],
    put: ((key: string, value: ReadableStream, options: R2PutOptions) =>
      timed('put', bucket.put(key, value, options))) as R2Bucket['put'],
    delete: (keys) => timed('delete', bucket.delete(keys)),
    list: (options) => timed('list', bucket.list(options)),
    createMultipartUpload: async (key, options) =>
      uploading(await timed('create_upload', bucket.createMultipartUpload(key, options))),
    resumeMultipartUpload: (key, id) => uploading(bucket.resumeMultipartUpload(key, id)),
  };
  return counted as R2Bucket;
}
