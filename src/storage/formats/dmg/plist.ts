/** The block tables of a UDIF image out of its property list. */

import { fromBase64Lines } from '../../../bytes/base64.ts';
import { FormatError } from '../../errors.ts';

export const DMG = 'dmg';

const LESS = 60;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const TABLES = bytesOf('<key>blkx<');
const DATA_KEY = bytesOf('<key>Data<');
const KEY = bytesOf('<key>');
const ARRAY = bytesOf('<array>');
const ARRAY_END = bytesOf('</array>');
const DATA = bytesOf('<data>');

const isAt = (xml: Uint8Array, at: number, tag: Uint8Array): boolean => {
  for (let i = 1; i < tag.length; i += 1) if (xml[at + i] !== tag[i]) return false;
  return true;
};

/**
 * The data of each entry under `blkx`, one for every partition of the disk. A list of a million chunks is tens of MB: it is
 * read as bytes, of which no text is made.
 */
export function* blockTables(xml: Uint8Array): Generator<Uint8Array<ArrayBuffer>, void> {
  let isInside = false;
  let key: Uint8Array | undefined;
  for (let at = xml.indexOf(LESS); at >= 0; ) {
    const next = xml.indexOf(LESS, at + 1);
    if (isAt(xml, at, KEY)) key = [TABLES, DATA_KEY].find((one) => isAt(xml, at, one));
    else if (key === TABLES && isAt(xml, at, ARRAY)) isInside = true;
    else if (isInside && isAt(xml, at, ARRAY_END)) return;
    else if (isInside && key === DATA_KEY && isAt(xml, at, DATA)) {
      const table = fromBase64Lines(xml.subarray(at + DATA.length, next < 0 ? xml.length : next));
      if (table === undefined) throw new FormatError(DMG, 'a block table is damaged');
      yield table;
    }
    at = next;
  }
  throw new FormatError(DMG, 'its property list has no block tables');
}
