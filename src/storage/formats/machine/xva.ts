/** XVA: a virtual machine as XenServer and XCP-ng export it, a tar with its disks in files of 1 MiB, those of zeros left out. */

import { isTarHeader, TAR_BLOCK, tarHeader } from '../../../archive/tar/header.ts';
import { Problems } from '../../archives/entry.ts';
import { fileBytes } from '../../archives/file-data.ts';
import { bytesOfRaw, type Extent, S_IFREG } from '../../archives/node.ts';
import { tarEntries } from '../../archives/tar/entries.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Choice, Format } from '../format.ts';
import { chosen } from './chosen.ts';

const XVA = 'xva';
const CHUNK_BYTES = 2 ** 20;
/** Its disk, and which piece of it; a checksum of the piece is another file. */
const CHUNK = /^(Ref:\d+)\/(\d{8,15})$/;
const MAX_DISKS = 1000;

export const xva: Format = {
  name: XVA,
  matches: ({ head }) => {
    const block = head.subarray(0, TAR_BLOCK);
    return isTarHeader(block) && tarHeader(block)?.path === 'ova.xml';
  },
  async open(source, { member, maxEntries }) {
    const problems = new Problems();
    const disks = await disksOf(source, problems, maxEntries);
    if (disks.length === 0) throw new FormatError(XVA, problems.text ?? 'there is no disk in it');
    const { name, sizeBytes, extents } = chosen(XVA, disks, member);
    return {
      content: fileBytes(XVA, { source, at: 0, extents }, sizeBytes),
      note: name,
      choices: disks.map((disk): Choice => ({ kind: 'member', name: disk.name, sizeBytes: disk.sizeBytes })),
      ...(problems.text !== undefined && { cut: `the ${XVA} is not whole: ${problems.text}` }),
    };
  },
};

interface Disk {
  readonly name: string;
  /** The last piece is always there. */
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
}

async function disksOf(source: ByteSource, problems: Problems, maxEntries: number): Promise<readonly Disk[]> {
  const disks = new Map<string, Extent[]>();
  let count = 0;
  for await (const { path, is } of tarEntries(source, { problems })) {
    if ('linkTo' in is || is.type !== S_IFREG || is.data === undefined || is.data.extents !== undefined) continue;
    const [, name, piece] = CHUNK.exec(new TextDecoder().decode(bytesOfRaw(path))) ?? [];
    if (name === undefined) continue;
    if (is.size > CHUNK_BYTES) throw new FormatError(XVA, `a piece of ${is.size} bytes`);
    count += 1;
    if (count > maxEntries) throw new FormatError(XVA, `more than ${maxEntries} pieces`, { code: 'EOPNOTSUPP' });
    const extents = disks.get(name) ?? [];
    extents.push({ offset: Number(piece) * CHUNK_BYTES, bytes: is.size, at: is.data.at });
    disks.set(name, extents);
    if (disks.size > MAX_DISKS) throw new FormatError(XVA, `more than ${MAX_DISKS} disks`);
  }
  return Array.from(disks, ([name, extents]) => {
    extents.sort((one, other) => one.offset - other.offset);
    const last = extents.at(-1);
    const sizeBytes = last ? last.offset + last.bytes : 0;
    const isOnce = extents.every(({ offset }, index) => index === 0 || offset !== extents[index - 1]?.offset);
    if (!isOnce || !Number.isSafeInteger(sizeBytes)) throw new FormatError(XVA, `the pieces of ${name} are damaged`);
    return { name, sizeBytes, extents };
  });
}
