/** A file that a service gives out by HTTP, read by range and pinned to one version: for the command line tool, see env.ts. */

import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../../storage/errors.ts';
import { fill } from './fill.ts';

/** Absent at its address: 404. Ranges: 206 with Content-Range (RFC 9110 14.4). The version: Last-Modified, if any. */
export type FileService = (request: Request) => Promise<Response>;

/** Its reads answer later, always; what is in front of it should cache. */
export interface FetchSource extends ByteSource {
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Names the version every read is pinned to. */
  readonly etag: string;
}

const lastModified = (response: Response): string => response.headers.get('last-modified') ?? '';

/**
 * Open the file `name`: one HEAD. A read that finds another size or time of change is an ImageChangedError, so that data
 * of two versions do not mix as long as a second apart. ImageNotFoundError if there is no such file.
 */
export async function fetchSource(service: FileService, name: string): Promise<FetchSource> {
  const url = `http://files/${encodeURIComponent(name)}`;
  const head = await service(new Request(url, { method: 'HEAD' }));
  if (head.status === 404) throw new ImageNotFoundError(name);
  const length = head.headers.get('content-length');
  if (!head.ok || length === null) throw new ReadFailedError(`file ${name}: HEAD answered ${head.status}`);
  const sizeBytes = Number(length);
  const version = lastModified(head);

  return {
    sizeBytes,
    etag: `${sizeBytes}-${Date.parse(version) || 0}`,
    async read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (into.length === 0) return;
      const range = `${offset}-${offset + into.length - 1}`;
      const found = await service(new Request(url, { headers: { range: `bytes=${range}` } }));
      // Who asks for a range that is the whole may get 200: RFC 9110 14.2.
      const isWhole = found.status === 200 && into.length === sizeBytes;
      const isPart = found.status === 206;
      const isSame = isWhole
        ? found.headers.get('content-length') === length
        : found.headers.get('content-range') === `bytes ${range}/${length}`;
      if ((isWhole || isPart) && isSame && lastModified(found) === version) {
        await fill(into, found.body ?? new Blob().stream(), `file ${name}`);
        return;
      }
      await found.body?.cancel();
      const isGone = isWhole || isPart || found.status === 404 || found.status === 416;
      throw isGone ? new ImageChangedError(name) : new ReadFailedError(`file ${name}: GET answered ${found.status}`);
    },
  };
}
