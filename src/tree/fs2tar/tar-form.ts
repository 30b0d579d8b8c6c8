/** A tree as a tar, in the pax format. */

import type { ChunkWriter } from '../../archive/chunk-writer.ts';
import { dataBytes, entryHeader, padding, trailer } from '../../archive/tar/tar-writer.ts';
import type { ArchiveForm } from './form.ts';

export const tarForm = (out: ChunkWriter): ArchiveForm => ({
  errorsName: '.fs2tar-errors',
  hasHardLinks: true,
  hasHoles: true,
  hasSpecialFiles: true,
  hasXattrs: true,
  entry: (entry) => out.push(entryHeader(entry)),
  begin: (file) => out.push(entryHeader(file)),
  data: (bytes) => out.push(bytes),
  end: (file) => out.push(padding(dataBytes(file))),
  finish: () => out.push(trailer()),
});
