/** No file system was found: what there is instead, where that is known. */

import { HostError } from '../../errors/host-error.ts';
import { embedded } from '../probe/embedded.ts';
import { whyNoGpt } from '../probe/partition-table/gpt.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { inWords } from './in-words.ts';
import { WHOLE } from './volumes.ts';
import type { Volumes } from './whole-or-partitions.ts';

/** With what there is instead, where that is known. */
export async function noFileSystem(disks: readonly Volumes[]): Promise<HostError> {
  const known: string[] = [];
  for (const { title, content } of disks.flatMap(({ whole, partitions }) => [whole, ...partitions])) {
    const words = (await content())?.words;
    if (words) known.push(`${title === WHOLE ? 'it' : title} is ${words}`);
  }
  const [first] = disks;
  if (first && (known.length === 0 || (await isWrapper(first)))) known.push(...(await seen(first, known.length > 0)));
  if (known.length === 0 && first?.whole.kind !== 'disk') {
    known.push(`nothing that is known lies in ${disks.map(({ whole }) => whole.title).join(', ')}`);
  }
  const why = known.length > 0 ? `no file system was found: ${known.join('; ')}` : undefined;
  return new HostError('no-file-system', why);
}

/** A program or a header that has a name of its own, with something behind it. */
const WRAPPERS = ['pe', 'uimage', 'dtb', 'trx', 'android_boot', 'bcache'];
const isWrapper = async ({ whole }: Volumes): Promise<boolean> =>
  WRAPPERS.includes((await whole.content())?.type ?? '');

/** What was seen and leads to nothing. */
async function seen({ whole, partitions, table }: Volumes, isNamed: boolean): Promise<string[]> {
  const { bytes } = whole;
  const words: string[] = [];
  const lost = partitions.length === 0 ? await whyNoGpt(bytes) : undefined;
  if (lost !== undefined) words.push(lost);
  const inside = await embedded(bytes);
  if (inside) {
    const before = words.length > 0 || isNamed ? '' : `${inside.what}; `;
    const how = inside.packed
      ? `what is from there on (tail -c +${inside.at + 1}) is read`
      : `offset ${inside.at} (--offset) reads it`;
    words.push(`${before}at byte ${inside.at} there is ${inside.type}: ${how}`);
  }
  if (words.length > 0 || isNamed) return words;
  if (table === undefined) {
    const kind = await noImage(bytes);
    // What could not be read looks as if it were zeros.
    if (bytes.damage) return [`what lies where one begins cannot be read (${bytes.damage.message})`];
    return kind === undefined ? [] : [kind];
  }
  return partitions.length > 0
    ? [`it has a partition table (${table}), and nothing that is known in ${await inWords(partitions)}`]
    : [`it has the signature of a partition table (${table}), in which the kernel finds no partitions`];
}

const DESCRIPTION = 'it describes a virtual machine or its disk: the disks are files of their own, beside it';

/** Files that people have in place of an image; a download that went elsewhere is one of these. UTF-8's mark of order, byte by byte, may come first. */
const KINDS: readonly (readonly [begin: RegExp, words: string])[] = [
  [/^version https:\/\/git-lfs/, 'it is a pointer of Git LFS: "git lfs pull" fetches what it stands for'],
  [/^(ï»¿)?\s*<(!doctype html|html|head|body|!--)/i, 'it is a web page (HTML): what was downloaded is not the image'],
  [/^[^\0]*<((\w+:)?Envelope|VirtualBox|domain|Parallels_disk_image)[\s>]/, DESCRIPTION],
  [/^(#!.*\n)?(\.encoding|config\.version) *=/, DESCRIPTION],
  [/^(ï»¿)?\s*<\?xml/i, 'it is XML: what was downloaded is not the image'],
  [/^(ï»¿)?\s*[{[]\s*"/, 'it is JSON: what was downloaded is not the image'],
  [/^\x7fELF/, 'it is a program for Linux or its like (ELF)'],
  [/^%PDF-/, 'it is a PDF'],
  [/^#!/, 'it is a script'],
  [/^[0-9a-f]{32,128} [ *]\S/i, 'it is a list of checksums'],
];
const BEGIN_BYTES = 4096;
/** What is looked at for zeros. */
const PIECE_BYTES = 1 << 20;
const MAX_ZEROS = 16 << 20;

/** How the first piece of such an image begins: zlib data by RFC 1950's two bytes, whose sum is a multiple of 31, or LZFSE. */
function isPieceOfDmg(begin: Uint8Array): boolean {
  const [first = 0, second = 0] = begin;
  const isZlib = first === 0x78 && (first * 256 + second) % 31 === 0 && (second & 0x20) === 0;
  return isZlib || /^bvx[-n12]/.test(String.fromCharCode(...begin.subarray(0, 4)));
}

async function noImage(bytes: VolumeBytes): Promise<string | undefined> {
  if (bytes.sizeBytes === 0) return 'it is empty';
  const begin = await bytes.read(0, Math.min(BEGIN_BYTES, bytes.sizeBytes));
  const text = new TextDecoder('latin1').decode(begin);
  const kind = KINDS.find(([pattern]) => pattern.test(text));
  if (kind) return kind[1];
  if (isPieceOfDmg(begin))
    return 'it begins as an Apple disk image (DMG) whose end is missing, its tables are there; or it is zlib or LZFSE data';
  const [first] = begin;
  if (first === 0) return filled(bytes, 0, 'zeros');
  // What was never written of raw flash, and what a card answers that is worn out.
  if (first === 0xff) return filled(bytes, 0xff, 'ones (0xFF), as erased flash has them');
  // Text has no control characters but these.
  return begin.every((byte) => byte >= 32 || [9, 10, 12, 13, 27].includes(byte)) ? 'it is text' : undefined;
}

async function filled(bytes: VolumeBytes, byte: number, words: string): Promise<string | undefined> {
  const end = Math.min(bytes.sizeBytes, MAX_ZEROS);
  for (let at = 0; at < end; at += PIECE_BYTES) {
    const piece = await bytes.read(at, Math.min(PIECE_BYTES, end - at));
    if (piece.some((one) => one !== byte)) return undefined;
  }
  return end === bytes.sizeBytes ? `all of it is ${words}` : `its first ${end.toLocaleString('en')} bytes are ${words}`;
}
