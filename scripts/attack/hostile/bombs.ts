/** Little that stands for very much: compressed zeros and text, tars that say what they have not, JSON that is deep. */

import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { bytes } from '../client.ts';
import { type Probe, problemOf } from './probe.ts';

const MIB = 2 ** 20;
const GROWN = 512 * MIB;

/** `packed` is one stream or frame of some MiB of `unit`; many of them one after another are a file of GROWN bytes. */
const repeated = (packed: Uint8Array, unit: number): Buffer =>
  Buffer.concat(Array.from({ length: GROWN / unit }, () => packed));

const letters = Buffer.alloc(16 * MIB, 'never gonna give you up ');
const zipOf = (packed: Buffer): Buffer => {
  const name = Buffer.from('image');
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(letters.length, 22);
  local.writeUInt16LE(name.length, 26);
  return Buffer.concat([local, name, packed]);
};

const wrapped = (): Readonly<Record<string, Buffer>> => ({
  gzip: repeated(gzipSync(letters), letters.length),
  'gzip of zeros': repeated(gzipSync(Buffer.alloc(16 * MIB)), 16 * MIB),
  zstd: repeated(zstdCompressSync(letters), letters.length),
  'zstd that names a window of 2 GiB': Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x4b, 0xff, 0xff, 0x41]),
  zip: zipOf(deflateRawSync(letters)),
  'gzip in gzip': gzipSync(repeated(gzipSync(letters), letters.length)),
  'lz4 that is cut': Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 0xff, 0xff, 0xff, 0x7f]),
  'xz with a dictionary of 4 GiB': Buffer.from('fd377a585a000004e6d6b446020021012800000000', 'hex'),
  '7z whose header is elsewhere': Buffer.concat([Buffer.from('377abcaf271c0004', 'hex'), Buffer.alloc(24, 0xff)]),
  'lzma of 2⁶³ bytes': Buffer.concat([
    Buffer.from('5dffffffff', 'hex'),
    Buffer.alloc(7, 0xff),
    Buffer.from([0x7f]),
    Buffer.alloc(64),
  ]),
});

const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
function entry(name: string, { size = 0, type = '0', link = '', body = Buffer.alloc(0) } = {}): Buffer {
  const head = Buffer.alloc(512);
  head.write(name.slice(0, 100), 0);
  head.write(octal(0o644, 8), 100);
  head.write(octal(0, 8), 108);
  head.write(octal(0, 8), 116);
  head.write(octal(Math.min(size, 0o77777777777), 12), 124);
  head.write(octal(0, 12), 136);
  head.write('        ', 148);
  head.write(type, 156);
  head.write(link, 157);
  head.write('ustar\x0000', 257);
  head.write(
    octal(
      head.reduce((sum, byte) => sum + byte, 0),
      7,
    ),
    148,
  );
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
const end = Buffer.alloc(1024);

const tars = (): Readonly<Record<string, Buffer>> => ({
  'a file that is said to have 8 GiB': Buffer.concat([entry('big', { size: 0o77777777777 }), end]),
  'names that leave the directory': Buffer.concat([
    entry('../../../etc/passwd', { size: 2, body: Buffer.from('x\n') }),
    entry('/etc/shadow', { size: 2, body: Buffer.from('x\n') }),
    end,
  ]),
  'a link out of it, and a file behind the link': Buffer.concat([
    entry('out', { type: '2', link: '/proc/self' }),
    entry('out/oom_score_adj', { size: 2, body: Buffer.from('5\n') }),
    end,
  ]),
  'a hundred thousand empty files': Buffer.concat([
    ...Array.from({ length: 100_000 }, (_, index) => entry(`f${index}`)),
    end,
  ]),
  'a path of four thousand directories': Buffer.concat([
    entry('././@LongLink', { type: 'L', size: 8000, body: Buffer.from('a/'.repeat(4000)) }),
    entry('a', { type: '5' }),
    end,
  ]),
  'a record of PAX that is longer than it is': Buffer.concat([
    entry('x', { type: 'x', size: 30, body: Buffer.from('999999999 path=a\n'.padEnd(30, ' ')) }),
    entry('f'),
    end,
  ]),
  'hard links to what is not there, and to itself': Buffer.concat([
    entry('a', { type: '1', link: 'a' }),
    entry('b', { type: '1', link: '/etc/passwd' }),
    end,
  ]),
  'a device that is a disk of the host': Buffer.concat([entry('sda', { type: '4' }), end]),
});

const deep = (open: string, close: string, depth: number) => `${open.repeat(depth)}${close.repeat(depth)}`;

export const bombs: readonly Probe[] = [
  {
    name: 'compressed bombs',
    async run({ ask }, found) {
      for (const [what, body] of Object.entries(wrapped())) {
        const start = performance.now();
        const answer = await ask('/v1/fs2tar', bytes(new Uint8Array(body), 'POST')).catch((cause: unknown) =>
          String(cause),
        );
        if (typeof answer === 'string') {
          found(`${what}: ${answer}`);
          continue;
        }
        const word = await problemOf(answer);
        if (answer.status < 400 || (answer.status >= 500 && answer.status !== 503)) found(`${what}: ${word}`);
        const ms = performance.now() - start;
        if (ms > 120_000) found(`${what} took ${Math.round(ms)} ms: ${word}`);
      }
    },
  },
  {
    name: 'hostile tars written into an image',
    async run({ ask, own }, found) {
      for (const [what, body] of Object.entries(tars())) {
        const answer = await ask(`/v1/images/${own}/tar`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-tar' },
          body: new Uint8Array(body),
        });
        const word = await problemOf(answer);
        // 507 is the image's own end: it has no room.
        if (answer.status >= 500 && answer.status !== 503 && answer.status !== 507) found(`${what}: ${word}`);
        const listed = await ask(`/v1/images/${own}/files/`);
        if (listed.status !== 200) found(`after ${what} the image cannot be read: ${await problemOf(listed)}`);
        else await listed.arrayBuffer();
      }
    },
  },
  {
    name: 'JSON that is deep, wide or numerous',
    async run({ ask }, found) {
      const bodies = [
        deep('[', ']', 100_000),
        `{"calls":${deep('[', ']', 100_000)}}`,
        `{"calls":[{"call":"write","args":[${deep('{"a":', '}', 50_000).replace('{"a":}', '1')}]}]}`,
        `{"calls":[${'{"call":"getpid","args":[]},'.repeat(200_000)}{"call":"getpid","args":[]}]}`,
        `{"calls":[],"n":${'9'.repeat(1_000_000)}}`,
        `{${Array.from({ length: 200_000 }, (_, index) => `"k${index}":1`).join()}}`,
      ];
      for (const body of bodies) {
        for (const path of ['/v1/syscalls', '/v1/simulations', '/v1/run']) {
          const answer = await ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
          const word = await problemOf(answer);
          if (answer.status >= 500 && answer.status !== 503) found(`${path} ${body.slice(0, 40)}…: ${word}`);
        }
      }
    },
  },
];
