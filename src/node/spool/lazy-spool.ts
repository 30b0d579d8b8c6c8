/** Undoes of a compressed file the parts that are read, each once: what was undone lies in a file without a name. */

import { randomUUID } from 'node:crypto';
import { close as closeFd, ftruncateSync, openSync, readSync, unlinkSync, write as writeFd } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HostError } from '../../errors/host-error.ts';
import { checkBytes } from '../../storage/byte-source.ts';
import { ReadFailedError } from '../../storage/errors.ts';
import { startsAt } from '../../storage/formats/parts/search.ts';
import type { Part } from '../../storage/seekable/pieces.ts';
import type { Seekable } from '../../storage/seekable/seekable.ts';
import type { FileSource } from '../files/file-source.ts';
import { ImageFileError } from '../files/image-file-error.ts';

const writeLater = promisify(writeFd);
const closeLater = promisify(closeFd);

export interface LazySpoolNeeds {
  /** The compressed file: closed with what is answered. */
  readonly packed: Pick<FileSource, 'path' | 'checkUnchanged' | 'close'>;
  /** Rejects with what the host says of damaged bytes. */
  undo(part: Part): AsyncIterable<Uint8Array>;
}

/** Throws an ImageFileError when there is no room to keep anything. */
export function lazySpool({ parts, sizeBytes }: Seekable, { packed, undo }: LazySpoolNeeds): FileSource {
  const folder = tmpdir();
  const path = join(folder, `lkl-${randomUUID()}`);
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    ftruncateSync(fd, sizeBytes);
  } catch (cause) {
    const why = `the temporary folder ${folder}: ${cause instanceof Error ? cause.message : cause}`;
    throw new ImageFileError('ESPOOL', `${packed.path} has to be kept in a file while it is read: ${why}`, { cause });
  }
  const starts = Float64Array.from(parts, ({ start }) => start);
  const undone = new Uint8Array(parts.length);
  const under = new Map<number, Promise<void>>();

  async function fetch(index: number): Promise<void> {
    const part = parts[index];
    if (part === undefined) return;
    let at = part.start;
    for await (const chunk of undo(part)) {
      if (at + chunk.length > part.start + part.bytes) throw unlike(packed.path);
      for (let done = 0; done < chunk.length; ) {
        done += (await writeLater(fd, chunk, done, chunk.length - done, at + done)).bytesWritten;
      }
      at += chunk.length;
    }
    if (at !== part.start + part.bytes) throw unlike(packed.path);
    undone[index] = 1;
  }

  const need = (index: number): Promise<void> => {
    const waiting = under.get(index) ?? fetch(index).finally(() => under.delete(index));
    under.set(index, waiting);
    return waiting;
  };

  const readAll = (offset: number, into: Uint8Array): void => {
    for (let done = 0; done < into.length; ) {
      const length = readSync(fd, into, done, into.length - done, offset + done);
      if (length === 0) throw new ReadFailedError(`${packed.path}: its temporary file ends early`);
      done += length;
    }
  };

  let closing: Promise<void> | undefined;
  return {
    path: packed.path,
    sizeBytes,
    isBlockDevice: false,
    checkUnchanged: () => packed.checkUnchanged(),
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (closing) throw new ReadFailedError(`${packed.path} is closed`);
      const missing: number[] = [];
      const first = startsAt(starts, starts.length, offset);
      for (let index = first; index < parts.length && (starts[index] ?? 0) < offset + into.length; index += 1) {
        if (undone[index] === 0) missing.push(index);
      }
      if (missing.length === 0) return readAll(offset, into);
      return (async () => {
        for (const index of missing) await need(index);
        readAll(offset, into);
      })();
    },
    close() {
      closing ??= Promise.allSettled(under.values())
        .then(() => closeLater(fd))
        .then(() => packed.close());
      return closing;
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

const unlike = (path: string): HostError =>
  new HostError('bad-compression', `${path}: a part of it has not as many bytes as its index says`);
