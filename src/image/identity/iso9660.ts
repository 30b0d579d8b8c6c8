/** The label and the date of an ISO 9660 volume, with what Joliet knows better of the former. */

import { type Fact, fieldsAt, filled } from './signature.ts';

const DESCRIPTORS = 32_768;
const BYTES = 2048;
const MAX_DESCRIPTORS = 16;
const SUPPLEMENTARY = 2;
const TERMINATOR = 255;
/** Joliet 1.0: escape sequences of UCS-2. */
const JOLIET = ['%/@', '%/C', '%/E'];

const IDENT = 40;
const IDENT_BYTES = 32;

/** Joliet has half as many characters, but all of Unicode: where the plain label goes on like that one, it is longer. */
export const iso9660Label: Fact = async (volume) => {
  const primary = await fieldsAt(volume, DESCRIPTORS, BYTES);
  if (primary.ascii(1, 5) !== 'CD001') return filled(primary.ascii(48, IDENT_BYTES)); // High Sierra
  const plain = filled(new TextDecoder().decode(primary.slice(IDENT, IDENT_BYTES)));
  for (let n = 1; n < MAX_DESCRIPTORS; n += 1) {
    const descriptor = await fieldsAt(volume, DESCRIPTORS + n * BYTES, BYTES);
    if (descriptor.ascii(1, 5) !== 'CD001' || descriptor.u8(0) === TERMINATOR) break;
    if (descriptor.u8(0) !== SUPPLEMENTARY || !JOLIET.includes(descriptor.ascii(88, 3))) continue;
    const wide = filled(new TextDecoder('utf-16be').decode(descriptor.slice(IDENT, IDENT_BYTES)));
    return wide === undefined ? plain : longer(wide, plain ?? '');
  }
  return plain;
};

function longer(wide: string, plain: string): string {
  const [first, all] = [[...wide], [...plain]];
  const same = first.every((char, i) => {
    const other = all[i] ?? '';
    return (
      char.toLowerCase() === other.toLowerCase() || (other === '_' && !/[A-Z0-9]/i.test(char)) || other === '\ufffd'
    );
  });
  return same && all.length > first.length ? wide + all.slice(first.length).join('') : wide;
}

const MODIFIED = 830;
const CREATED = 813;

/** The date of the last change, else that of creation (ECMA-119 8.4.26.1): digits down to hundredths. */
export const iso9660Uuid: Fact = async (volume) => {
  const primary = await fieldsAt(volume, DESCRIPTORS, BYTES);
  for (const at of [MODIFIED, CREATED]) {
    const digits = primary.ascii(at, 16);
    if (!/^\d{16}$/.test(digits) || /^0+$/.test(digits)) continue;
    return digits.replace(/^(.{4})(..)(..)(..)(..)(..)(..)$/, '$1-$2-$3-$4-$5-$6-$7');
  }
  return undefined;
};
