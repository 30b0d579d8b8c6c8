/**
 * What is on an image, against blkid(8): the images of util-linux's tests and what they expect of each. Type, label and UUID
 * are compared, and of partition tables their kind, id, partitions, types and UUIDs. Differences that are explained here are
 * listed with their reason; any other is an error.
 *
 *   apt-get source util-linux    # Debian's source package; the upstream tarball has the tests
 *   node scripts/conformance/blkid.ts util-linux-2.38.1
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify } from '../../src/image/identity/identify.ts';
import type { ImageReport } from '../../src/image/mounted-image.ts';
import { imageMounter } from '../../src/image/mounting/mounter.ts';
import { volumeBytes } from '../../src/image/probe/volume-bytes.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { memoryDevice } from '../../src/storage/memory.ts';
import { dist } from '../pins.ts';
import { host } from './repeatable.ts';

/** Why what we say is another word than blkid's, by image and fact. */
const explained: Readonly<Record<string, string>> = {
  'ddf-raid uuid': 'a GUID of 24 bytes, of which only the first eight are text: blkid prints the others as they are',
  'pt atari-xgm table':
    'the type of partitions in an extended one (XGM) is in a table that Linux reads and this does not',
  'pt bsd table': 'Linux reads BSD labels inside of DOS partitions only',
  'pt sgi table': 'the image has 10 MiB: Linux cuts partitions off there, libblkid does not look',
  'pt sun table': 'as for sgi; and Linux counts the slice that is the whole disk, which libblkid leaves out',
  'fat32_cp850_O_tilde label': 'bytes of an OEM code page, shown as U+FFFD, as `_` by udev',
};

const [folder = ''] = process.argv.slice(2);
const tests = join(folder, 'tests');
const unpacked = (path: string) =>
  new Uint8Array(execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'inherit'] }));

let compared = 0;
let equal = 0;
let failed = 0;
function compare(name: string, fact: string, expected: string | undefined, got: string | undefined): void {
  compared += 1;
  if (expected === got) {
    equal += 1;
    return;
  }
  const why = explained[`${name} ${fact}`];
  if (why === undefined) failed += 1;
  console.log(`${name} ${fact}: ${JSON.stringify(expected)}, here ${JSON.stringify(got)}${why ? `: ${why}` : ''}`);
}

/** Of `blkid -p -o udev`; _ENC has \xNN where it is not safe. */
function expectedOf(path: string): { type?: string; label?: string; uuid?: string } {
  const lines = readFileSync(path, 'utf8').split('\n');
  const value = (key: string): string | undefined => {
    const line = lines.find((one) => one.startsWith(`ID_FS_${key}=`));
    return line
      ?.slice(line.indexOf('=') + 1)
      .replaceAll(/\\x(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  };
  const facts = { type: value('TYPE'), label: value('LABEL_ENC'), uuid: value('UUID_ENC') };
  return Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== undefined));
}

const images = join(tests, 'ts/blkid/images-fs');
let volumes = 0;
for (const file of readdirSync(images).sort()) {
  const name = file.replace(/\.img\.xz$/, '');
  // Of discs with several sessions the first one: which is the last only a drive tells.
  const [expectedName, first] = /-multi-/.test(name)
    ? [name.replace(/-\d+/g, ''), /-(\d+)/.exec(name)?.[1]]
    : [name, undefined];
  const path = join(tests, 'expected/blkid', `low-probe-${expectedName}${first === undefined ? '' : `-${first}`}`);
  if (!existsSync(path)) throw new Error(`nothing is expected of ${file}: ${path}`);
  const expected = expectedOf(path);
  const found = await identify(volumeBytes(memoryDevice(unpacked(join(images, file)))));
  volumes += 1;
  compare(name, 'type', expected.type, found?.type);
  compare(name, 'label', expected.label, found?.label);
  compare(name, 'uuid', expected.uuid, found?.uuid);
}
console.log(`${volumes} volumes: ${compared} facts, ${equal} equal, ${compared - equal - failed} explained`);

const module = new WebAssembly.Module(readFileSync(dist.snapshot));
const snapshot = JSON.parse(readFileSync(dist.snapshotJson, 'utf8'));
const mounter = imageMounter([async () => restore(freshMachine(module, snapshot), snapshot, { host, memoryMib: 20 })]);

/** As the sample program of libblkid prints a table. */
function tableText({ partitionTable, partitionTableId, partitions }: ImageReport): string[] {
  const rows = partitions.map(({ number, startBytes, sizeBytes, label, uuid, typeCode }) => {
    const type = typeCode === undefined || typeCode.startsWith('0x') ? '' : ` type='${typeCode}'`;
    return `#${number}: ${startBytes / 512} ${sizeBytes / 512} ${label ? `name='${label}'` : ''} ${uuid ? `uuid='${uuid}'` : ''}${type}`
      .replaceAll(/ +/g, ' ')
      .trim();
  });
  return [`${partitionTable} ${partitionTableId ?? '(null)'}`, ...rows];
}

for (const file of readdirSync(join(tests, 'ts/blkid/images-pt')).sort()) {
  const name = file.replace(/\.img\.xz$/, '');
  const [head = '', , ...lines] = readFileSync(join(tests, 'expected/blkid', `lowprobe-pt-${name}`), 'utf8')
    .trim()
    .split('\n');
  const [, type = '', id = ''] = /PT: (\S+), offset: \d+, id=(\S+)/.exec(head) ?? [];
  const rows = lines.map((line) =>
    line
      .replace(/ 0x[0-9a-f]+/, '')
      .replace(/ \(.*\)/, '')
      .replaceAll(/ +/g, ' ')
      .trim(),
  );
  const got = tableText(await mounter.inspect(memoryDevice(unpacked(join(tests, 'ts/blkid/images-pt', file)))));
  compare(`pt ${name}`, 'table', [`${type} ${id}`, ...rows].join('\n'), got.join('\n'));
}
console.log(`all: ${compared} compared, ${equal} equal, ${compared - equal - failed} explained, ${failed} not`);
process.exit(failed === 0 ? 0 : 1);
