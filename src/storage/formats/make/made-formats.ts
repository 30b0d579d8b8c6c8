/** The formats that a disk is made into, by the command and over HTTP: their names, and what each is. */

/** Each in words, for people. */
export const madeKinds = {
  raw: 'the bytes of the disk',
  qcow2: 'QEMU’s, version 3',
  vmdk: 'VMware’s, monolithicSparse',
  'vmdk-stream': 'VMware’s, streamOptimized: compressed, as OVAs have it',
  vhd: 'of Virtual PC, dynamic',
  'vhd-fixed': 'of Virtual PC, fixed: the bytes of the disk before a footer',
  vdi: 'VirtualBox’s, dynamic',
  vhdx: 'Hyper-V’s, dynamic',
} as const;

export type MadeFormat = keyof typeof madeKinds;
export const madeFormats = Object.keys(madeKinds) as [MadeFormat, ...MadeFormat[]];

/** What names of their files end with, where that tells. */
const endings: readonly (readonly [MadeFormat, RegExp])[] = [
  ['raw', /\.(raw|img)$/i],
  ['qcow2', /\.qcow2?$/i],
  ['vmdk', /\.vmdk$/i],
  ['vhd', /\.(vhd|vpc)$/i],
  ['vdi', /\.vdi$/i],
  ['vhdx', /\.vhdx$/i],
];

/** By the ending of a name; undefined: it does not tell. */
export const formatOfName = (name: string): MadeFormat | undefined =>
  endings.find(([, ending]) => ending.test(name))?.[0];
