/** What Linux's reason for not mounting means to whoever has the image. */

import type { ErrnoName } from '../../abi/errno.ts';

export interface Why {
  readonly words: string;
  /** Checking and repairing it is what helps. */
  readonly damaged?: true;
}

interface Row {
  readonly said: RegExp;
  readonly means: string | ((match: RegExpExecArray) => string);
}

const bytes = (text = ''): string => Number(text).toLocaleString('en');

/** Of XFS: the second image of a request is /dev/vdb, as everywhere. */
const namedBeside = (option: string): string =>
  `with its image named beside this one (also) and the mount option ${option}=/dev/vdb it is found`;

/** What no repair changes. The first that fits; each is of the driver whose message it is (fs/TYPE/super.c and its like). */
const rows: readonly Row[] = [
  {
    said: /bad block size (\d+)|sectorsize (\d+) not yet supported|blocksize (\d+) (?:larger|too)|blkszbits (\d+) isn't supported/i,
    means: ([, ext4, btrfs, other, bits]) =>
      `its blocks have ${bytes(ext4 ?? btrfs ?? other ?? String(2 ** Number(bits)))} bytes, and this kernel, like that of a PC, takes 4,096 at most`,
  },
  {
    said: /File system with blocksize (\d+) bytes/i,
    means: ([, size]) =>
      `its blocks have ${bytes(size)} bytes, and this kernel, like that of a PC, takes 4,096 at most`,
  },
  {
    said: /marked as having an external log|use logdev=/i,
    means: `its journal is on another device: ${namedBeside('logdev')}`,
  },
  { said: /external journal|journal device/i, means: 'its journal is on another device, which is not here' },
  { said: /realtime device|rtdev/i, means: `a part of it is on another device (realtime): ${namedBeside('rtdev')}` },
  { said: /Unknown parameter '([^']*)'/, means: ([, name]) => `it has no mount option ${name}` },
  { said: /Bad value for '([^']*)'/, means: ([, name]) => `its mount option ${name} has no such value` },
  {
    said: /Unrecognized mount option|unrecognized mount option|invalid option|bad option/i,
    means: 'a mount option is none of its',
  },
  {
    said: /uses (?:"(\w+)"|an unknown) compression/i,
    means: ([, method = 'a method']) => `it is compressed with ${method}, which Linux's driver does not undo`,
  },
  { said: /The Hurd can't support/i, means: "it was made for the Hurd, with features that are not the Hurd's" },
  {
    said: /No anchor found/i,
    means: 'its anchor, which leads to all else, is not there: a disc that was not finished, or a part of one',
  },
  {
    said: /unsupported optional features|unsupported feature|unknown.*features|incompat.*feature|revision level too high|cannot mount because of unsupported|unidentified incompatible feature/i,
    means: 'it has features that Linux 6.12 does not know',
  },
  { said: /wrong endianness/i, means: 'it is of the other byte order, which Linux does not read' },
  { said: /wrong version|unknown version|unsupported version/i, means: 'it is of a version that Linux does not read' },
  {
    said: /Can't find .*file ?system|Invalid superblock magic|magic (mismatch|number)|not a valid|no .*filesystem found|No valid .* superblock|bogus number|wrong magic|Can't find a valid/i,
    means: 'what lies there is no such file system, or its superblock is lost',
  },
  {
    said: /exceeds size of device|is too small|beyond (the )?end of device|attempt to access beyond/i,
    means: 'it is longer than what there is of it',
  },
  { said: /out of memory|cannot allocate/i, means: 'its tables want more memory than there is' },
];

/** What a driver says, or answers, of what is damaged. */
const damaged =
  /corrupt|checksum|CRC|damaged|inconsistent|\bbad\b|invalid|overlap|not in group|unable to read|can't read|failed to read|decompress/i;
const damagedErrnos: readonly (ErrnoName | undefined)[] = ['EUCLEAN', 'EBADMSG', 'EIO'];

export function whyNotMounted(errno: ErrnoName | undefined, reason: string | undefined): Why {
  for (const { said, means } of reason === undefined ? [] : rows) {
    const match = said.exec(reason ?? '');
    if (match) return { words: typeof means === 'string' ? means : means(match) };
  }
  if (damagedErrnos.includes(errno) || (reason !== undefined && damaged.test(reason)))
    return { words: 'it is damaged', damaged: true };
  return { words: 'Linux refuses it' };
}
