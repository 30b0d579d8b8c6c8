/** Whatever a caller has an image in, as a block device that is read where it lies. */

import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Neighbours, neighbours } from '../../node/files/neighbours.ts';
import { openImageFile, spooledImage } from '../../node/files/open-image-file.ts';
import { nodeHost } from '../../node/host.ts';
import { undoneLazily } from '../../node/spool/spool-undone.ts';
import { type Unpacker, unpacker } from '../../node/spool/unpack.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { type ByteSource, checkBytes, memorySource } from '../../storage/byte-source.ts';
import { ReadFailedError } from '../../storage/errors.ts';
import { seekable } from '../../storage/seekable/seekable.ts';
import { compressionOf } from '../../storage/sources/compression-of.ts';
import { httpSource, NoRangesError } from '../../storage/sources/http-source.ts';
import { argumentError } from '../files/paths.ts';

/**
 * A path (`-` is standard input), a `file:`, `http:` or `https:` URL, bytes in memory, a Blob, or something of the caller's own
 * that reads by range: bytes, or sectors of 512 bytes.
 */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob | ByteSource | BlockDevice;

export interface SourceOptions {
  /** For an `http:` or `https:` URL: sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For URLs. Default: that of the process. */
  readonly fetch?: typeof fetch | undefined;
}

/** @internal */
export interface OpenedSource {
  readonly source: ByteSource | BlockDevice;
  /** Each read takes a trip: what is in front of it should cache. */
  readonly isSlow: boolean;
  /** The files that an image on this machine names. */
  readonly files?: Neighbours['files'];
  /** Undoes what is compressed inside of the image. */
  readonly unpack?: Unpacker['unpack'];
  close(): Promise<void>;
}

const open = (source: ByteSource | BlockDevice, isSlow = false): OpenedSource => ({
  source,
  isSlow,
  close: async () => {},
});

/**
 * gzip, zstd and xz are undone, where that takes a file in the system's temporary folder.
 *
 * @internal
 */
export async function openSource(image: ImageSource, options: SourceOptions = {}): Promise<OpenedSource> {
  const opened = await openAny(image, options);
  const { unpack, close } = unpacker(typeof image === 'string' ? image : 'the image');
  return { ...opened, unpack, close: () => close().then(() => opened.close()) };
}

async function openAny(image: ImageSource, options: SourceOptions = {}): Promise<OpenedSource> {
  if (typeof image === 'string') return openFile(image);
  if (image instanceof URL)
    return image.protocol === 'file:' ? openFile(fileURLToPath(image)) : openUrl(image, options);
  if (image instanceof ArrayBuffer) return openAny(new Uint8Array(image));
  if (image instanceof Uint8Array) {
    const bytes = memorySource(image);
    return (await compressionOf(bytes)) ? spooled(Readable.from([image]), 'the image', true) : open(bytes);
  }
  if (image instanceof Blob) {
    const bytes = blobSource(image);
    return (await compressionOf(bytes)) ? spooled(Readable.from(image.stream()), 'the image', true) : open(bytes);
  }
  if (isSource(image)) return open(image);
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `An image is a path, a URL, bytes, a Blob or a source of bytes, not ${typeof image}`,
  );
}

/** Throws where it has the form of a source and cannot be one. */
function isSource(image: ByteSource | BlockDevice): boolean {
  if (image === null || typeof image !== 'object' || typeof image.read !== 'function') return false;
  const [name, size] =
    'sectors' in image ? (['sectors', image.sectors] as const) : (['sizeBytes', image.sizeBytes] as const);
  if (Number.isSafeInteger(size) && size >= 0) return true;
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The property '${name}' of an image must be a whole number. Received ${size}`,
  );
}

async function openFile(path: string): Promise<OpenedSource> {
  const file = await openImageFile(path);
  if (path === '-') return { source: file, isSlow: false, close: () => file.close() };
  const { files, close } = neighbours(path);
  return { source: file, isSlow: false, files, close: () => close().then(() => file.close()) };
}

async function openUrl(url: URL, { headers, fetch: ask = fetch }: SourceOptions): Promise<OpenedSource> {
  if (!/^https?:$/.test(url.protocol)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The URL must be of scheme file, http or https. Received '${url.protocol}'`,
    );
  }
  const name = url.href;
  /** Of the server's own choice: all of it. */
  const whole = async (isWholeCompressed: boolean) => {
    const found = await ask(url, { headers: { ...headers } });
    if (!found.ok || found.body === null) throw new ReadFailedError(`${name}: the server answered ${found.status}`);
    return spooled(Readable.fromWeb(found.body as Parameters<typeof Readable.fromWeb>[0]), name, isWholeCompressed);
  };
  try {
    const source = await httpSource(name, { fetch: ask, pause: nodeHost.pause, ...(headers && { headers }) });
    const compression = await compressionOf(source);
    if (compression === undefined) return open(source, true);
    // An index at the end takes few requests; to look at every frame or block would take thousands.
    const parts = compression === 'xz' ? await seekable(source, compression) : undefined;
    if (parts === undefined) return whole(true);
    const undone = await undoneLazily(parts, { path: name, checkUnchanged() {}, close: async () => {} });
    return { ...open(undone), close: () => undone.close() };
  } catch (cause) {
    if (cause instanceof NoRangesError) return whole(false);
    throw cause;
  }
}

async function spooled(stream: Readable, name: string, isWholeCompressed: boolean): Promise<OpenedSource> {
  const source = await spooledImage(stream, name, { isWholeCompressed });
  return { source, isSlow: false, close: () => source.close() };
}

/** Its bytes come later, always: a Blob may lie in a file. */
function blobSource(blob: Blob): ByteSource {
  const { size: sizeBytes } = blob;
  return {
    sizeBytes,
    async read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      const bytes = await blob
        .slice(offset, offset + into.length)
        .arrayBuffer()
        .catch((cause: unknown) => {
          throw new ReadFailedError(`the Blob cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
            cause,
          });
        });
      if (bytes.byteLength !== into.length)
        throw new ReadFailedError(`${bytes.byteLength} of ${into.length} bytes came`);
      into.set(new Uint8Array(bytes));
    },
  };
}
