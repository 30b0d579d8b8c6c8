/** Paths and names as node:fs takes and gives them: text is UTF-8, and what is not comes and goes as a Buffer. */

import { fileURLToPath } from 'node:url';

/** Text, bytes, or a `file:` URL whose path is one inside the image. */
export type ImagePath = string | Uint8Array | URL;

/** How names come out: `buffer`, or text. Names that are not UTF-8 are only whole as `buffer`. */
export type NameEncoding = BufferEncoding | 'buffer';

export interface EncodingOptions {
  /** Default: `utf8`. */
  readonly encoding?: NameEncoding | null | undefined;
}

/** As node:fs takes options that may be an encoding alone. */
export type EncodingOrOptions<T extends EncodingOptions = EncodingOptions> = T | NameEncoding | null | undefined;

export interface GivenPath {
  readonly bytes: Uint8Array;
  /** For messages and `path` of errors; lossy where the bytes are not UTF-8. */
  readonly text: string;
}

/** Throws what node:fs throws of something that is no path. */
export function givenPath(path: ImagePath, name = 'path'): GivenPath {
  const plain = path instanceof URL ? fileURLToPath(path, { windows: false }) : path;
  if (typeof plain !== 'string' && !(plain instanceof Uint8Array)) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `The "${name}" argument must be of type string or an instance of Buffer or URL. Received ${typeof plain}`,
    );
  }
  const bytes = typeof plain === 'string' ? Buffer.from(plain) : Buffer.from(plain);
  if (bytes.includes(0)) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `The argument '${name}' must not contain null bytes`);
  }
  return { bytes, text: typeof plain === 'string' ? plain : bytes.toString() };
}

export function argumentError(
  code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE',
  message: string,
): TypeError | RangeError {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message);
  return Object.assign(error, { code });
}

/** Which bytes of a buffer are meant: all from `offset` on, where nothing else is said. Throws where it has not so many. */
export function partOf(
  { byteLength }: NodeJS.ArrayBufferView,
  { offset, length }: { readonly offset?: number | null | undefined; readonly length?: number | null | undefined },
): { readonly offset: number; readonly length: number } {
  const part = { offset: offset ?? 0, length: length ?? byteLength - (offset ?? 0) };
  if (part.offset >= 0 && part.length >= 0 && part.offset + part.length <= byteLength) return part;
  throw argumentError(
    'ERR_OUT_OF_RANGE',
    `The value of "length" is out of range. ${part.length} bytes at ${part.offset} are not in a buffer of ${byteLength}`,
  );
}

export function encodingOf(options: EncodingOrOptions): NameEncoding {
  const encoding = (typeof options === 'string' ? options : options?.encoding) ?? 'utf8';
  if (encoding !== 'buffer' && !Buffer.isEncoding(encoding)) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `The argument 'encoding' is invalid encoding. Received '${encoding}'`);
  }
  return encoding;
}

/** Bytes as a name in `encoding`. */
export function encoded(bytes: Uint8Array, encoding: NameEncoding): string | Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return encoding === 'buffer' ? buffer : buffer.toString(encoding);
}

const SLASH = 0x2f;

/** `directory/name`, both bytes. */
export function joined(directory: Uint8Array, name: Uint8Array): Buffer {
  const slash = directory.length > 0 && directory.at(-1) !== SLASH ? [SLASH] : [];
  return Buffer.concat([directory, Uint8Array.from(slash), name]);
}
