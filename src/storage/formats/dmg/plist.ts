/** The block tables of a UDIF image out of its property list. */

import { FormatError } from '../../errors.ts';

export const DMG = 'dmg';

/** The data of each entry under `blkx`, one for every partition of the disk. */
export function blockTables(xml: string): Uint8Array<ArrayBuffer>[] {
  const [, list] = /<key>blkx<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(xml) ?? [];
  if (list === undefined) throw new FormatError(DMG, 'its property list has no block tables');
  return Array.from(list.matchAll(/<key>Data<\/key>\s*<data>([^<]*)<\/data>/g), ([, base64 = '']) => {
    try {
      return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (char) => char.charCodeAt(0));
    } catch (cause) {
      throw new FormatError(DMG, 'a block table is damaged', { cause });
    }
  });
}
