/** The block tables of a UDIF image out of its property list. */

import { FormatError } from '../../errors.ts';

export const DMG = 'dmg';

const LESS = 60;
const EQUALS = 61;
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
      yield unbase64(xml.subarray(at + DATA.length, next < 0 ? xml.length : next));
    }
    at = next;
  }
  throw new FormatError(DMG, 'its property list has no block tables');
}

/** What each byte of base64 stands for, by RFC 4648, 4; 64: a blank; 255: it is none. */
const VALUES = new Uint8Array(256).fill(255);
for (const [value, letter] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  VALUES[letter.charCodeAt(0)] = value;
for (const blank of [9, 10, 12, 13, 32]) VALUES[blank] = 64;

function unbase64(text: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let letters = 0;
  for (const letter of text) {
    if (letter === EQUALS) break;
    const value = VALUES[letter] ?? 255;
    if (value === 64) continue;
    if (value === 255) throw new FormatError(DMG, 'a block table is damaged');
    bits = ((bits << 6) | value) & 0xffffff;
    letters += 1;
    if (letters % 4 !== 0) continue;
    out[length++] = bits >> 16;
    out[length++] = bits >> 8;
    out[length++] = bits;
  }
  const rest = letters % 4;
  if (rest === 1) throw new FormatError(DMG, 'a block table is damaged');
  if (rest > 1) out[length++] = rest === 2 ? bits >> 4 : bits >> 10;
  if (rest > 2) out[length++] = bits >> 2;
  return out.subarray(0, length);
}
