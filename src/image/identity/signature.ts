/** How a row of the tables in this folder says what it recognises, and where that has its label and UUID. */

import { toHex } from '../../bytes/hex.ts';
import { fieldsAt } from '../probe/fields.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';

/** Reads one fact of a volume; undefined where it has none. */
export type Fact = (volume: VolumeBytes) => Promise<string | undefined>;

/** Characters or hex digits at an offset; a negative one counts from the volume's last full sector's end. */
export type Mark = readonly [at: number, chars: string] | readonly [at: number, hex: { readonly hex: string }];

export interface Signature {
  /** As blkid(8) calls it. */
  readonly type: string;
  /** What it is, for people. Default: a file system without a driver here, or what its type says. */
  readonly words?: string;
  /** One of these sets holds, all of its marks. */
  readonly marks: readonly (readonly Mark[])[];
  /** Beside the marks. */
  readonly check?: (volume: VolumeBytes) => Promise<boolean>;
  readonly label?: Fact;
  readonly uuid?: Fact;
}

const SECTOR = 512;

/** Where an offset of a mark is. */
export const placeOf = ({ sizeBytes }: VolumeBytes, at: number): number =>
  at >= 0 ? at : Math.floor(sizeBytes / SECTOR) * SECTOR + at;

export async function matches(volume: VolumeBytes, { marks, check }: Signature): Promise<boolean> {
  for (const set of marks) {
    if ((await holdAll(volume, set)) && (check === undefined || (await check(volume)))) return true;
  }
  return false;
}

async function holdAll(volume: VolumeBytes, set: readonly Mark[]): Promise<boolean> {
  for (const [at, mark] of set) {
    const wanted = typeof mark === 'string' ? mark : charsOf(mark.hex);
    const place = placeOf(volume, at);
    if (place < 0 || place + wanted.length > volume.sizeBytes) return false;
    if ((await fieldsAt(volume, place, wanted.length)).ascii(0, wanted.length) !== wanted) return false;
  }
  return true;
}

const charsOf = (digits: string): string =>
  (digits.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16))).join('');

/** Undefined where there is nothing but filling. */
export function filled(text: string): string | undefined {
  const [before = ''] = text.split('\0');
  return before.trimEnd() || undefined;
}

/** A text of so many bytes. */
export const textAt =
  (at: number, bytes: number, encoding = 'utf-8'): Fact =>
  async (volume) =>
    filled(new TextDecoder(encoding).decode(await volume.read(placeOf(volume, at), bytes)));

/** RFC 9562; undefined where all of it is zero. */
export function uuidText(bytes: Uint8Array): string | undefined {
  const digits = toHex(bytes);
  return /[^0]/.test(digits) ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : undefined;
}

export const uuidAt =
  (at: number): Fact =>
  async (volume) =>
    uuidText(await volume.read(placeOf(volume, at), 16));

export { fieldsAt };
