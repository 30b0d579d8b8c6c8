/** Which programs make and check each type of file system, and in which words they are told what to do. */

export interface MakeRequest {
  readonly label?: string | undefined;
  readonly uuid?: string | undefined;
  /** Further words for the program itself. */
  readonly more?: readonly string[] | undefined;
}

/** `look` changes nothing. `safe`: what no one would want to be asked about. `all`: all that can be repaired. */
export type CheckHow = 'look' | 'safe' | 'all';

/** `mended`: errors were found, and are none any more. `unchecked`: nobody looked, as there is nothing that is repaired unasked. */
export type Verdict = 'clean' | 'mended' | 'damaged' | 'unchecked';

export interface FileSystemTools {
  /** What the kernel calls its driver. Default: as the type. */
  readonly driver?: string;
  /** Programs that not every host carries. */
  readonly needs?: readonly string[];
  /** The command that makes it on a disk. Absent: it is made of a tree at once (tree-made.ts). */
  readonly make?: (disk: string, request: MakeRequest) => readonly string[];
  /** Bytes, as UTF-8, of the longest label; 0: it has none. */
  readonly labelBytes: number;
  /** Bytes of the smallest one that its program makes when it is told nothing more; measured with Debian 12's. */
  readonly leastBytes?: number;
  readonly check?: {
    readonly command: (disk: string, how: CheckHow) => readonly string[];
    /** What its exit code says; undefined: it could not do its work. */
    readonly verdict: (exitCode: number) => Verdict | undefined;
    /** What it says of a journal that it does not go through when it only looks: what it finds then may be none of it. */
    readonly leftAlone?: RegExp;
    /** What it says of an error that it leaves, whatever its exit code. */
    readonly left?: RegExp;
    /** Nothing is repaired unasked: what fsck.TYPE(8) does with -a, which is nothing, and why. */
    readonly nothingSafe?: string;
    /** What brings a lost superblock back first, when all may be repaired; `did`: the exit code that says so. */
    readonly revive?: { readonly command: (disk: string) => readonly string[]; readonly did: number };
  };
}

const KIB = 1024;

const given = (option: string, value: string | undefined): string[] => (value === undefined ? [] : [option, value]);

/** fsck(8): bit 0 errors corrected, bit 1 reboot, bit 2 errors left, from bit 3 on it could not do its work. */
const fsckVerdict = (code: number): Verdict | undefined => {
  if (code & ~7) return undefined;
  if (code & 4) return 'damaged';
  return code & 3 ? 'mended' : 'clean';
};

const E2FSCK = { look: '-n', safe: '-p', all: '-y' } as const;
const FSCK_FAT = { look: '-n', safe: '-a', all: '-y' } as const;
/**
 * ntfsfix knows the beginning of the MFT, its mirror, the log and the boot sectors; ntfsresize walks through all records and clusters, and
 * changes nothing when it is asked what it would do.
 */
const NTFS_LOOK = 'ntfsfix -n "$0" && ntfsresize --info --force --no-progress-bar "$0"';
const NTFSFIX = { safe: [], all: ['-b', '-d'] } as const;
/** -a: fsck.f2fs(8), what the file system itself has marked as wrong. */
const FSCK_F2FS = { look: ['--dry-run'], safe: ['-a'], all: ['-f', '-y'] } as const;
const FSCK_EXFAT = { look: '-n', safe: '-p', all: '-y' } as const;

const ext = (type: string): FileSystemTools => ({
  // -F: the disk is whole, and that is meant.
  make: (disk, { label, uuid, more = [] }) => [
    'mke2fs',
    '-q',
    '-F',
    '-t',
    type,
    ...given('-L', label),
    ...given('-U', uuid),
    ...more,
    disk,
  ],
  labelBytes: 16,
  leastBytes: 104 * KIB,
  check: {
    command: (disk, how) => ['e2fsck', '-f', E2FSCK[how], disk],
    verdict: fsckVerdict,
    leftAlone: /skipping journal recovery/,
    // Counts of the superblock that are wrong are no error to it, and yet are none that a sound one has.
    left: /\? no$/m,
  },
});

const tools: Readonly<Record<string, FileSystemTools>> = {
  ext2: ext('ext2'),
  ext3: ext('ext3'),
  ext4: ext('ext4'),
  xfs: {
    make: (disk, { label, uuid, more = [] }) => [
      'mkfs.xfs',
      '-q',
      '-f',
      ...given('-L', label),
      ...(uuid === undefined ? [] : ['-m', `uuid=${uuid}`]),
      ...more,
      disk,
    ],
    labelBytes: 12,
    leastBytes: 300 * KIB * KIB,
    check: {
      // -e: 4 when it repaired something, else that is 0 as well.
      command: (disk, how) => ['xfs_repair', how === 'look' ? '-n' : '-e', disk],
      verdict: (code) => (({ 0: 'clean', 1: 'damaged', 2: 'damaged', 4: 'mended' }) as const)[code],
      leftAlone: /changes in a log which is being\s+ignored/,
      nothingSafe: 'XFS recovers by its journal when it is mounted',
    },
  },
  btrfs: {
    make: (disk, { label, uuid, more = [] }) => [
      'mkfs.btrfs',
      '-q',
      '-f',
      ...given('-L', label),
      ...given('-U', uuid),
      ...more,
      disk,
    ],
    labelBytes: 255,
    leastBytes: 109 * KIB * KIB,
    check: {
      command: (disk, how) => ['btrfs', 'check', how === 'look' ? '--readonly' : '--repair', '--force', disk],
      verdict: (code) => (code === 0 ? 'clean' : 'damaged'),
      nothingSafe: 'btrfs is whole at every moment, and recovers by its log when it is mounted',
      revive: { command: (disk) => ['btrfs', 'rescue', 'super-recover', '-y', disk], did: 2 },
    },
  },
  vfat: {
    make: (disk, { label, uuid, more = [] }) => [
      'mkfs.fat',
      // On a disk it makes a partition table in the boot sector too, for Windows; in a file, natively, it does not.
      '--mbr=no',
      ...given('-n', label),
      ...given('-i', uuid?.replace('-', '')),
      ...more,
      disk,
    ],
    labelBytes: 11,
    leastBytes: 50 * KIB,
    check: {
      command: (disk, how) => ['fsck.fat', FSCK_FAT[how], disk],
      // One code for "there were errors": with -n they still are, else they are mended.
      verdict: (code) => (({ 0: 'clean', 1: 'damaged' }) as const)[code],
    },
  },
  exfat: {
    make: (disk, { label, more = [] }) => ['mkfs.exfat', ...given('-L', label), ...more, disk],
    labelBytes: 22,
    leastBytes: 2049 * KIB,
    check: { command: (disk, how) => ['fsck.exfat', FSCK_EXFAT[how], disk], verdict: fsckVerdict },
  },
  f2fs: {
    make: (disk, { label, uuid, more = [] }) => [
      'mkfs.f2fs',
      '-q',
      '-f',
      ...given('-l', label),
      ...given('-U', uuid),
      ...more,
      disk,
    ],
    labelBytes: 512,
    leastBytes: 52 * KIB * KIB,
    check: {
      command: (disk, how) => ['fsck.f2fs', ...FSCK_F2FS[how], disk],
      verdict: (code) => (code === 0 ? 'clean' : 'damaged'),
    },
  },
  ntfs: {
    driver: 'ntfs3',
    needs: ['mkntfs', 'ntfsfix', 'ntfsresize'],
    // -F: the disk is whole. -Q: what is free is not written over.
    make: (disk, { label, more = [] }) => ['mkntfs', '-q', '-F', '-Q', ...given('-L', label), ...more, disk],
    labelBytes: 128,
    leastBytes: 1024 * KIB,
    check: {
      command: (disk, how) => (how === 'look' ? ['sh', '-c', NTFS_LOOK, disk] : ['ntfsfix', ...NTFSFIX[how], disk]),
      // What ntfsfix mended it does not tell by its code: whatever it was, it has been gone through.
      verdict: (code) => (({ 0: 'clean', 1: 'damaged' }) as const)[code],
    },
  },
  squashfs: { labelBytes: 0 },
  erofs: {
    labelBytes: 0,
    check: {
      command: (disk) => ['fsck.erofs', disk],
      verdict: (code) => (code === 0 ? 'clean' : 'damaged'),
    },
  },
};

/** Never written, and without a program that checks them: all of it is read through the kernel. */
const READ_ALONE: ReadonlySet<string> = new Set(['squashfs', 'cramfs', 'romfs', 'iso9660']);

export const isCheckedByReading = (type: string): boolean => READ_ALONE.has(type);
export const isChecked = (type: string): boolean =>
  isCheckedByReading(type) || fileSystemTools(type)?.check !== undefined;

/** By the kernel's name of the type, or people's. */
export const fileSystemTools = (type: string): FileSystemTools | undefined =>
  Object.hasOwn(tools, type) ? tools[type] : Object.values(tools).find(({ driver }) => driver === type);

/** Those whose programs are there. */
export function toolsOf(workshop: { has(program: string): boolean }, type: string): FileSystemTools | undefined {
  const known = fileSystemTools(type);
  return known?.needs?.every((program) => workshop.has(program)) === false ? undefined : known;
}

/** Those of `types` whose programs are there, for people. */
export const typesThere = (workshop: { has(program: string): boolean }, types: readonly string[]): string =>
  types.filter((type) => isCheckedByReading(type) || toolsOf(workshop, type)).join(', ');

/** Whether every host carries its programs. */
export const isEverywhere = (type: string): boolean => fileSystemTools(type)?.needs === undefined;

/** What the kernel mounts it with. */
export const driverOf = (type: string): string => fileSystemTools(type)?.driver ?? type;

export const madeTypes: readonly string[] = Object.keys(tools);
export const checkedTypes: readonly string[] = [...new Set([...madeTypes, ...READ_ALONE])].filter(isChecked);
