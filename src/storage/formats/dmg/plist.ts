/** The block tables of a UDIF image out of its property list. */

import { FormatError } from '../../errors.ts';

export const DMG = 'dmg';

/** The data of each entry under `blkx`, one for every partition of the disk. */
export function blockTables(xml: string): Uint8Array<ArrayBuffer>[] {
  const begin = /<key>blkx<\/key>\s*<array>/.exec(xml);
  const from = begin ? begin.index + begin[0].length : 0;
  const end = xml.indexOf('</array>', from);
  if (begin === null || end < 0) throw new FormatError(DMG, 'its property list has no block tables');
  const list = xml.slice(from, end);
  return Array.from(list.matchAll(/<key>Data<\/key>\s*<data>([^<]*)<\/data>/g), ([, base64 = '']) => {
    try {
      return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (char) => char.charCodeAt(0));
    } catch (cause) {
      throw new FormatError(DMG, 'a block table is damaged', { cause });
    }
  });
}
