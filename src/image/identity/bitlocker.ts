/** The description and the identifier of a BitLocker volume: in its metadata, of which the boot sector tells where they are. */

import { toHex } from '../../bytes/hex.ts';
import { Fields, fieldsAt } from '../probe/fields.ts';
import { guidText } from '../probe/partition-table/gpt.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { filled } from './signature.ts';

const SIGNATURE = '-FVE-FS-';
const GUID = '3bd66749292ed84a8399f6a339e3d001';
/** Behind the block's header: the metadata's own, then entries. */
const [METADATA_AT, METADATA_BYTES] = [64, 48];
const ENTRY_BYTES = 8;
const [DESCRIPTION, TEXT] = [7, 2];
const MAX_BYTES = 65_536;

export interface BitLockerAbout {
  readonly label?: string | undefined;
  readonly uuid?: string | undefined;
}

/** Nothing where the metadata are not where the boot sector says. */
export async function bitLockerAbout(volume: VolumeBytes): Promise<BitLockerAbout> {
  const boot = await fieldsAt(volume, 0, 512);
  const at = [160, 424].find((place) => toHex(boot.slice(place, 16)) === GUID);
  const copy = at === undefined ? 0 : boot.u64(at + 16);
  const head = await fieldsAt(volume, copy, METADATA_AT + METADATA_BYTES);
  if (copy === 0 || head.ascii(0, 8) !== SIGNATURE) return {};
  const size = Math.min(head.u32(METADATA_AT), MAX_BYTES);
  const { bytes } = await fieldsAt(volume, copy + METADATA_AT, size);
  return { uuid: guidText(head.slice(METADATA_AT + 16, 16)), label: labelIn(bytes.subarray(METADATA_BYTES)) };
}

function labelIn(entries: Uint8Array): string | undefined {
  for (let at = 0; at + ENTRY_BYTES <= entries.length; ) {
    const entry = new Fields(entries.subarray(at));
    const size = entry.u16(0);
    if (size < ENTRY_BYTES || at + size > entries.length) return undefined;
    if (entry.u16(2) === DESCRIPTION && entry.u16(4) === TEXT)
      return filled(new TextDecoder('utf-16le').decode(entry.slice(ENTRY_BYTES, size - ENTRY_BYTES)));
    at += size;
  }
  return undefined;
}
