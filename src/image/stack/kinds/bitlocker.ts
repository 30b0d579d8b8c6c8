/** BitLocker: each member is a volume by itself; dm-crypt knows its ciphers. */

import { toHex } from '../../../bytes/hex.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Target } from '../../../kernel/syscalls/device-mapper.ts';
import type { ProbedVolume } from '../../volumes/volumes.ts';
import { MetadataError } from '../bad-stack.ts';
import { type BitLocker, bitLocker, COPY_BYTES } from '../bitlocker/metadata.ts';
import { clearKey, keyBy } from '../bitlocker/unlock.ts';
import { numberOf } from '../kernel-device.ts';
import type { Kind, Made, StackTools } from '../kind.ts';

export const bitLockerKind: Kind = {
  type: 'BitLocker',
  group: async (members, tools) =>
    members.map((member) => ({
      type: 'BitLocker',
      members: [member],
      isComplete: true,
      open: async () => [await open(member, tools)],
    })),
};

const FVEK = 'volume';

async function open(member: ProbedVolume, tools: StackTools): Promise<Made> {
  const { title } = member;
  const { keyring } = tools;
  const volume = await bitLocker(member.bytes);
  const { uuid } = volume;
  let key = await clearKey(volume);
  if (key === undefined) {
    if (keyring.isEmpty) {
      const message = `${title} is encrypted (BitLocker): it needs a passphrase, a recovery password or a startup key's file`;
      throw new HostError('passphrase-needed', message, { members: { uuid } });
    }
    const keys = await keyring.keysOf(uuid, { title, uuid }, async (secret) => {
      const found = await keyBy(volume, secret, keyring.derivation);
      return found && new Map([[FVEK, found]]);
    });
    key = keys?.get(FVEK);
  }
  if (key === undefined) {
    const message = `${title} (BitLocker): no passphrase or key file that was given opens it`;
    throw new HostError('wrong-passphrase', message, { members: { uuid } });
  }
  const device = await tools.make(await tableOf(volume, key, member, tools));
  return { device, title: `/dev/mapper/bitlk-${uuid}`, names: [`bitlk-${uuid}`], kind: 'crypt', on: [member] };
}

/** How many bytes of the key are the cipher's; an elephant's second key is further behind. */
const METHODS: Readonly<
  Record<number, { readonly cipher: string; readonly parts: readonly (readonly [number, number])[] }>
> = {
  32768: {
    cipher: 'aes-cbc-elephant',
    parts: [
      [0, 16],
      [32, 48],
    ],
  },
  32769: { cipher: 'aes-cbc-elephant', parts: [[0, 64]] },
  32770: { cipher: 'aes-cbc-eboiv', parts: [[0, 16]] },
  32771: { cipher: 'aes-cbc-eboiv', parts: [[0, 32]] },
  32772: { cipher: 'aes-xts-plain64', parts: [[0, 32]] },
  32773: { cipher: 'aes-xts-plain64', parts: [[0, 64]] },
};

interface Piece {
  readonly start: number;
  readonly end: number;
}

/** The first sectors are those that are kept elsewhere; where they are kept, and where metadata is, there is nothing. */
async function tableOf(volume: BitLocker, key: Uint8Array, member: ProbedVolume, tools: StackTools): Promise<Target[]> {
  const method = METHODS[volume.method];
  if (method === undefined)
    throw new MetadataError(`it is encrypted in a way that is not known here (${volume.method})`);
  const keyText = method.parts.map(([from, to]) => toHex(key.slice(from, to))).join('');
  const { sectorBytes, head, copies } = volume;
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw new MetadataError(`sectors of ${sectorBytes} bytes`);
  const device = await tools.device(member);
  const scale = sectorBytes / 512;
  const options = scale > 1 ? ` 2 sector_size:${sectorBytes} iv_large_sectors` : '';
  const crypt = (start: number, sectors: number, from: number): Target => ({
    start,
    sectors,
    type: 'crypt',
    params: `${method.cipher} ${keyText} ${from} ${numberOf(device)} ${from}${options}`,
  });
  const end = device.sectors - (device.sectors % scale);
  const pieceOf = (offsetBytes: number, sizeBytes: number): Piece => {
    const piece = { start: offsetBytes / 512, end: (offsetBytes + sizeBytes) / 512 };
    const isInside = piece.start < piece.end && piece.end <= end;
    if (!isInside || piece.start % scale !== 0 || piece.end % scale !== 0)
      throw new MetadataError('its metadata is said to lie where it cannot: the image may have been cut short');
    return piece;
  };
  const first = pieceOf(0, head.sizeBytes);
  const kept = pieceOf(head.offsetBytes, head.sizeBytes);
  const table = [crypt(0, first.end, kept.start)];
  const nothing = [kept, ...copies.map((at) => pieceOf(at, COPY_BYTES))].sort((a, b) => a.start - b.start);
  let at = first.end;
  for (const piece of nothing) {
    if (piece.end <= at) continue;
    if (piece.start > at) table.push(crypt(at, piece.start - at, at));
    const start = Math.max(at, piece.start);
    table.push({ start, sectors: piece.end - start, type: 'zero', params: '' });
    at = piece.end;
  }
  if (at < end) table.push(crypt(at, end - at, at));
  return table;
}
