/** The sections of one segment of an EWF file (Joachim Metz, "Expert Witness Compression Format"). */

import { adler32 } from '../../../bytes/adler32.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { little64, readBytes, viewOf } from '../parts/table.ts';

export const EWF = 'ewf';
export const MAGIC = [0x45, 0x56, 0x46, 0x09, 0x0d, 0x0a, 0xff, 0x00];
const FILE_HEADER_BYTES = 13;
const SECTION_BYTES = 76;
/** Per segment; tools write a table for each 16,375 chunks. */
const MAX_SECTIONS = 65_536;

export interface Section {
  readonly type: string;
  readonly at: number;
  /** Where what it holds begins and ends. */
  readonly dataAt: number;
  readonly end: number;
}

/** In order. The last is `done`, or `next` where another segment follows; of a file that was cut short the last that is there. */
export async function readSections(source: ByteSource): Promise<Section[]> {
  const sections: Section[] = [];
  for (let at = FILE_HEADER_BYTES; ; ) {
    if (at + SECTION_BYTES > source.sizeBytes) return sections;
    const bytes = await readBytes(EWF, source, at, SECTION_BYTES);
    const view = viewOf(bytes);
    if (view.getUint32(72, true) !== adler32(bytes.subarray(0, 72))) throw new FormatError(EWF, 'a section is damaged');
    const type = String.fromCharCode(...bytes.subarray(0, 16)).replace(/\0.*$/s, '');
    const next = little64(view, 16);
    const last = type === 'done' || type === 'next';
    sections.push({ type, at, dataAt: at + SECTION_BYTES, end: last ? at + SECTION_BYTES : next });
    if (last) return sections;
    if (next < at + SECTION_BYTES || !Number.isSafeInteger(next))
      throw new FormatError(EWF, 'its sections do not go on');
    if (sections.length > MAX_SECTIONS) throw new FormatError(EWF, `more than ${MAX_SECTIONS} sections`);
    at = next;
  }
}
