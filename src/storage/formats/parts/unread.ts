/** Files that are known and not read here: what each is, and what makes a disk of it. */

import type { Ends } from '../format.ts';
import { viewOf } from './table.ts';

interface Unread {
  readonly name: string;
  readonly advice: string;
  matches(ends: Ends): boolean;
}

/** Six bytes and more, so that no disk begins so by chance. */
const begins =
  (text: string): Unread['matches'] =>
  ({ head }) =>
    Array.from(text).every((char, at) => head[at] === char.charCodeAt(0));

const ends =
  (text: string): Unread['matches'] =>
  ({ tail }) =>
    Array.from(text).every((char, at) => tail[tail.length - text.length + at] === char.charCodeAt(0));

const isPowerOf2 = (value: number) => value > 0 && (value & (value - 1)) === 0;

/** QED has a magic number of four bytes, then the sizes of its clusters and tables. */
const isQed: Unread['matches'] = ({ head }) => {
  if (head.length < 64 || !begins('QED\0')({ head, tail: head, sizeBytes: 0 })) return false;
  const [clusterBytes, tableClusters] = [viewOf(head).getUint32(4, true), viewOf(head).getUint32(8, true)];
  return isPowerOf2(clusterBytes) && clusterBytes >= 4096 && isPowerOf2(tableClusters) && tableClusters <= 16;
};

/** CSO: the size of its header, of the disc, of a block, its version. */
const isCso: Unread['matches'] = (file) => {
  if (!begins('CISO')(file) || file.head.length < 24) return false;
  const view = viewOf(file.head);
  return [0, 24].includes(view.getUint32(4, true)) && isPowerOf2(view.getUint32(16, true)) && view.getUint8(20) <= 2;
};

const convert = '`qemu-img convert -O raw` makes a disk of it';

export const unread: readonly Unread[] = [
  { name: 'a qcow image of version 1', advice: convert, matches: begins('QFI\xfb\0\0\0\x01') },
  { name: 'a QED image', advice: convert, matches: isQed },
  {
    name: 'an encrypted Apple disk image',
    advice: '`hdiutil convert -format UDZO` on a Mac makes one that is read',
    matches: (file) => begins('encrcdsa')(file) || ends('cdsaencr')(file),
  },
  {
    name: 'an evidence file of version 2 (Ex01)',
    advice: '`ewfexport` makes a disk of it',
    matches: begins('EVF2\r\n\x81\0'),
  },
  {
    name: 'a logical evidence file (L01)',
    advice: 'it has single files, not a disk',
    matches: (file) => begins('LVF\x09\r\n\xff\0')(file) || begins('LEF2\r\n\x81\0')(file),
  },
  { name: 'an AFF image', advice: '`affconvert -r` makes a disk of it', matches: begins('AFF10\r\n\0') },
  {
    name: 'a Windows image (WIM)',
    advice: 'it has a tree of files, not a disk: `wimapply` unpacks it',
    matches: begins('MSWIM\0\0\0'),
  },
  { name: 'a CHD image', advice: '`chdman extractraw` makes a disk of it', matches: begins('MComprHD') },
  {
    name: 'an image of ntfsclone',
    advice: '`ntfsclone --restore-image -O disk.img` makes a disk of it',
    matches: begins('\0ntfsclone-image'),
  },
  { name: 'a partimage image', advice: '`partimage restore` makes a disk of it', matches: begins('PaRtImAgE-VoLuMe') },
  { name: 'an fsarchiver archive', advice: '`fsarchiver restfs` makes a disk of it', matches: begins('FsArCh_') },
  {
    name: 'a backup of Proxmox (VMA)',
    advice: '`vma extract` on a Proxmox server makes disks of it',
    matches: begins('VMA\0\0\0\0\x01'),
  },
  {
    name: 'an Android update (payload.bin)',
    advice: 'a payload dumper makes images of its partitions, which are read',
    matches: begins('CrAU\0\0\0\0\0\0\0\x02'),
  },
  {
    name: 'an Apple sparse image',
    advice: '`hdiutil convert -format UDZO` on a Mac makes one that is read',
    matches: begins('sprs\0\0\0\x03'),
  },
  { name: 'a Bochs disk', advice: convert, matches: begins('Bochs Virtual HD Image\0') },
  { name: 'a compressed disc (CSO)', advice: '`maxcso --decompress` makes a disc of it', matches: isCso },
  { name: 'a compressed disc (ISZ)', advice: 'what made it makes a disc of it', matches: begins('IsZ!\x40\x01') },
  { name: 'a RAR archive', advice: 'unpack it first', matches: begins('Rar!\x1a\x07') },
  { name: 'lzip data', advice: '`lzip -d` undoes it', matches: begins('LZIP\x01') },
];
