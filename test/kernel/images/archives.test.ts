/** Archives as sources like images: what Linux reads of them is what their tools were given (scripts/fixtures/archives.py). */

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { decompress } from '../../../src/archive/decompress.ts';
import { unxz } from '../../../src/archive/unxz.ts';
import xzModule from '../../../src/archive/xz-embedded.wasm';
import { concat } from '../../../src/bytes/concat.ts';
import type { MountRequest } from '../../../src/image/mounted-image.ts';
import { nodeDecoders } from '../../../src/node/decoders.ts';
import { memorySource } from '../../../src/storage/byte-source.ts';
import { type OpenDiskOptions, openDisk } from '../../../src/storage/open-disk.ts';
import { fixtureDevice, fixtures, listingOf } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { mounter } from '../kernel.ts';
import { type Row, rowsOfListing, rowsOfTar } from '../tar-listing.ts';

const folder = new URL('../../fixtures/archives/', import.meta.url);

interface Archive {
  readonly name: string;
  readonly tree: string;
  readonly untold: readonly string[];
  /** Where it is told apart from its tree: the time of a file. */
  readonly but?: Readonly<Record<string, { readonly mtime: readonly [number, number] }>>;
}

type Listing = Parameters<typeof listingOf>[0];

const { archives, trees, merged } = JSON.parse(readFileSync(new URL('archives.json', folder), 'utf8')) as {
  readonly archives: readonly Archive[];
  readonly trees: Readonly<Record<string, Listing>>;
  readonly merged: Readonly<Record<string, string | null>>;
};

async function* one(bytes: Uint8Array) {
  yield bytes;
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.slice());
  return concat(chunks);
}

const file = (name: string) => all(unxz(one(readFileSync(new URL(`${name}.xz`, folder))), xzModule));

/** In memory. */
const unpack: OpenDiskOptions['unpack'] = async (source, compression) => {
  const packed = new Uint8Array(source.sizeBytes);
  await source.read(0, packed);
  return memorySource(await all(decompress(compression, one(packed), nodeDecoders(xzModule))));
};

const open = (bytes: Uint8Array, options: OpenDiskOptions = {}) =>
  openDisk(memorySource(bytes), { unpack, ...options });

const rowsOf = async (bytes: Uint8Array, untold: readonly string[] = [], request: MountRequest = {}) => {
  const { device } = await open(bytes);
  return rowsOfTar((await archive(device, request, request.evenIfCut ? { onError: 'continue' } : {})).tar, untold);
};

describe('an archive is the tree that it was made of', () => {
  it.each(archives.filter(({ tree }) => tree !== 'merged'))('$name', async ({ name, tree, untold, but = {} }) => {
    const listing = trees[tree];
    if (listing === undefined) throw new Error(`no tree ${tree}`);
    const rows = await rowsOf(await file(name), untold);
    const expected = rowsOfListing(listingOf(listing), untold);
    for (const [path, { mtime }] of Object.entries(but)) {
      expected.set(path, { ...expected.get(path), mtime: BigInt(mtime[0]) * 10n ** 9n + BigInt(mtime[1]) });
    }
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
  });

  it.each(archives.filter(({ tree }) => tree === 'merged'))(
    '$name: layers merged, whiteouts applied',
    async ({ name }) => {
      const rows = await rowsOf(await file(name));
      const told = [...rows].map(([path, row]) => [path, shortOf(row)]);
      expect(Object.fromEntries(told)).toEqual(
        Object.fromEntries(Object.entries(merged).map(([path, content]) => [path, content && shortOf(content)])),
      );
    },
  );
});

/** What a file holds, by its length and hash; where a symlink leads. */
const shortOf = (row: Row | string): unknown => {
  if (typeof row === 'string') return row.startsWith('-> ') ? row : { size: row.length, sha256: sha256[row] };
  if (row.type === 'link') return `-> ${row.target}`;
  return row.type === 'dir' ? null : { size: row.size, sha256: row.sha256 };
};

const sha256: Record<string, string> = {};
beforeAll(async () => {
  for (const text of ['1', '2', '3']) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
    sha256[text] = Buffer.from(digest).toString('hex');
  }
});

/** Attributes of file systems' own, which no other has a place for. */
const FOREIGN = /^(?!user\.|trusted\.|security\.|system\.posix_acl_)/;

/** Of each a mount whole, without damage; the largest would only take longer. */
const whole = Object.entries(fixtures).flatMap(([name, { volumes }]) => {
  const isPlain = volumes.length === 1 && volumes[0]?.partition === null && volumes[0].type !== null;
  return isPlain && !/damaged|100k|loop|huge|1tib/.test(name) ? [name] : [];
});

describe('a tar of an image, opened as an image, is the same tree', () => {
  it.each(whole)('%s', async (name) => {
    const { tar } = await archive(await fixtureDevice(name));
    // Holes between blocks of 1 KiB may be smaller than EROFS can tell.
    const untold = /^ext(2|3|4-features)$/.test(name) ? ['data'] : [];
    const rows = [...(await rowsOfTar(tar, untold))].map(([path, row]) => {
      const xattrs = new Map([...(row.xattrs as Map<string, string>)].filter(([key]) => !FOREIGN.test(key)));
      return [path, { ...row, xattrs }];
    });
    expect(Object.fromEntries(await rowsOf(tar, untold))).toEqual(Object.fromEntries(rows));
  });
});

describe('an archive that is not whole', () => {
  it.each(['gnu.tar', 'pax.tar', 'newc.cpio', 'odc.cpio'])(
    '%s is refused with the reason, wherever it is cut',
    async (name) => {
      const bytes = await file(name);
      for (const cut of [600, 5000, 40_000, Math.floor(bytes.length / 2), bytes.length - 20_000]) {
        if (cut >= bytes.length) continue;
        const { device } = await open(bytes.subarray(0, cut));
        await expect(mounter.mount(device, {})).rejects.toMatchObject({
          kind: 'image-cut',
          message: expect.stringMatching(/^the (tar|cpio) is not whole: it (is cut short|has no end)/),
        });
      }
    },
  );

  it('gives what is there when it may lack something, and says what it lacks', async () => {
    const bytes = await file('gnu.tar');
    const { device } = await open(bytes.subarray(0, bytes.length - 20_000));
    const { tar, report } = await archive(device, {}, { onError: 'continue' });
    const rows = await rowsOfTar(tar);
    expect(rows.size).toBeGreaterThan(100);
    expect(report.errors.map(({ path }) => path)).toEqual([
      './holes',
      expect.stringMatching(/^the tar is not whole: it is cut short in ".\/holes"/),
    ]);
  });
});
