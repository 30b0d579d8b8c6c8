/** Every format on small disks that its tools made: what they stand for, and that whatever is wrong with them is an error. */

import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { describeBlockDevice } from '../../../test/contract/block-device.ts';
import { seededRandom } from '../../../test/fakes/block-devices.ts';
import { formatFile } from '../../../test/fixtures/formats/file.ts';
import fixtures from '../../../test/fixtures/formats/formats.json' with { type: 'json' };
import { ustarBlock } from '../../archive/tar/ustar.ts';
import { concat } from '../../bytes/concat.ts';
import { type ByteSource, memorySource } from '../byte-source.ts';
import { BehindEndError, StorageError } from '../errors.ts';
import { type OpenedDisk, openDisk } from '../open-disk.ts';
import { mapped } from './parts/mapped.ts';
import { qcow2Stream } from './qcow2/make/to-stream.ts';
import { encodeHeader, GRAIN_SECTORS, TABLE_ENTRIES } from './vmdk/make/header.ts';

const unpacked = new Map<string, Promise<Uint8Array>>();

/** Of the test's own: nothing here writes to it. */
function file(name: string): Promise<Uint8Array> {
  const known = unpacked.get(name) ?? formatFile(name);
  unpacked.set(name, known);
  return known;
}

/** The files of a fixture by name; the first is the one to open. */
const filesOf = async ({ files }: { readonly files: readonly string[] }) =>
  new Map(await Promise.all(files.map(async (name) => [name, await file(name)] as const)));

/** Files beside the image by their last name; `*` is the name of the image without its ending. */
const among = (files: ReadonlyMap<string, Uint8Array>, image: string) => (name: string) => {
  const last = name.split(/[\\/]/).at(-1) ?? '';
  const bytes = files.get(last.replace('*', image.replace(/\.\w+$/, '')));
  return bytes && memorySource(bytes);
};

async function open(fixture: (typeof fixtures)[number], change = (bytes: Uint8Array, _name: string) => bytes) {
  const files = await filesOf(fixture);
  const [image = ''] = fixture.files;
  const changed = new Map(Array.from(files, ([name, bytes]) => [name, change(bytes, name)] as const));
  return openDisk(memorySource(changed.get(image) ?? new Uint8Array(0)), {
    ...fixture.options,
    files: among(changed, image),
  });
}

const MIB = 2 ** 20;

/** All of it, in reads of odd lengths. */
async function read({ sizeBytes, read: from }: ByteSource, step = 70_001): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += step) await from(at, bytes.subarray(at, Math.min(sizeBytes, at + step)));
  return bytes;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.each(fixtures)('$name', (fixture) => {
  it('is found out, and is the disk that its tool says', async () => {
    const disk = await open(fixture);
    expect(disk.format).toBe(fixture.format);
    expect(disk.sizeBytes).toBe(fixture.sizeBytes);
    expect(sha256(await read(disk.content))).toBe(fixture.sha256);
  });

  it('is the same from a source that answers later, and in one read', async () => {
    const files = await filesOf(fixture);
    const [image = ''] = fixture.files;
    const later = (source: ByteSource): ByteSource => ({
      sizeBytes: source.sizeBytes,
      read: async (offset, into) => {
        await Promise.resolve();
        await source.read(offset, into);
      },
    });
    const find = among(files, image);
    const disk = await openDisk(later(memorySource(files.get(image) ?? new Uint8Array(0))), {
      ...fixture.options,
      cacheMib: 1,
      files: (name) => {
        const found = find(name);
        return found && later(found);
      },
    });
    expect(sha256(await read(disk.content, fixture.sizeBytes))).toBe(fixture.sha256);
  });

  it('says at once where its file is cut short, and has what is there: never other bytes', async () => {
    const [image = ''] = fixture.files;
    const whole = await read((await open(fixture)).content);
    for (let cut = 1; cut <= 12; cut += 1) {
      const disk = await open(fixture, (bytes, name) =>
        name === image ? bytes.subarray(0, Math.floor((bytes.length * cut) / 13)) : bytes,
      ).catch((cause: unknown) => cause);
      if (disk instanceof Error) expect(disk).toBeInstanceOf(StorageError);
      else {
        const { format, content, device } = disk as OpenedDisk;
        if (format === 'raw') continue;
        const { lost, other } = await compared(content, whole);
        expect(other).toBe(0);
        if (lost > 0 || content.sizeBytes < whole.length) expect(device.cut).toMatch(/\d/);
      }
    }
  });

  it('ends, and throws no other errors, whatever is damaged', async () => {
    const random = seededRandom(fixture.name.length);
    for (let round = 0; round < 60; round += 1) {
      const disk = open(fixture, (bytes) => damaged(bytes, random));
      const found = await disk.then(({ content }) => readSome(content, random)).catch((cause) => cause);
      if (found !== undefined) expect(found).toBeInstanceOf(StorageError);
    }
  });
});

/** Pieces of a disk that cannot be read, and those that are others than they should be. */
async function compared({ sizeBytes, read: from }: ByteSource, whole: Uint8Array) {
  let [lost, other] = [0, 0];
  for (let at = 0; at < sizeBytes; at += 4096) {
    const piece = new Uint8Array(Math.min(4096, sizeBytes - at));
    try {
      await from(at, piece);
    } catch (cause) {
      expect(cause).toBeInstanceOf(BehindEndError);
      lost += 1;
      continue;
    }
    if (Buffer.compare(piece, whole.subarray(at, at + piece.length)) !== 0) other += 1;
  }
  return { lost, other };
}

/** A few bytes changed, most of them where headers and tables are; sometimes to what counts too far. */
function damaged(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let change = random(4); change >= 0; change -= 1) {
    const near = random(2) === 0 ? 1024 : Math.min(copy.length, 3 * MIB);
    const at = random(3) === 0 ? Math.max(0, copy.length - 1 - random(600)) : random(near);
    if (random(2) === 0) copy.fill(0xff, at, at + 1 + random(8));
    else copy[at] = random(256);
  }
  return copy;
}

/** Ten places of it: what a damaged header says may be long. */
async function readSome({ sizeBytes, read: from }: ByteSource, random: (below: number) => number): Promise<void> {
  for (let place = 0; place < 10; place += 1) {
    const length = Math.min(sizeBytes, 5000);
    const at = Math.floor(random(1000) * ((sizeBytes - length) / 1000));
    await from(at, new Uint8Array(length));
  }
}

it.each(fixtures.filter(({ files, format }) => files.length > 1 && format !== 'ova'))(
  '$name names the file that is missing',
  async ({ files: [image = ''], options }) => {
    const opening = openDisk(memorySource(await file(image)), options);
    await expect(opening).rejects.toThrow(/it needs the file ".+", which was not given/);
    await expect(opening).rejects.toMatchObject({ code: 'ENODATA' });
  },
);

describe('a VMDK whose last grain has less than a whole one', () => {
  it('is whole, also behind a table that is not there', async () => {
    const sectors = TABLE_ENTRIES * GRAIN_SECTORS + 1;
    const [directoryAt, tableAt, grainAt] = [21, 22, 26];
    const bytes = new Uint8Array((grainAt + 1) * 512);
    bytes.set(encodeHeader({ sectors, isStream: false, directoryAt: 21n, copyAt: 0n, overhead: grainAt }));
    const view = new DataView(bytes.buffer);
    view.setUint32(directoryAt * 512 + 4, tableAt, true);
    view.setUint32(tableAt * 512, grainAt, true);
    bytes.fill(7, grainAt * 512);
    const { device, content } = await openDisk(memorySource(bytes));
    const last = new Uint8Array(512);
    await content.read((sectors - 1) * 512, last);
    expect(last).toEqual(new Uint8Array(512).fill(7));
    expect(device.cut).toBeUndefined();
  });
});

describe('a file that builds on itself', () => {
  it('is an error', async () => {
    const top = memorySource(await file('middle.qcow2'));
    await expect(openDisk(top, { files: () => top })).rejects.toThrow('more than 64 files build on each other');
  });
});

describe('a choice', () => {
  it('is asked for with all that there is', async () => {
    const source = memorySource(await file('machine.ova'));
    await expect(openDisk(source)).rejects.toThrow('ova: its disks are stream.vmdk, fixed.vhd: name one');
    await expect(openDisk(source, { member: 'c' })).rejects.toMatchObject({ choices: ['stream.vmdk', 'fixed.vhd'] });
    await expect(openDisk(source)).rejects.toMatchObject({
      problem: { detail: expect.stringContaining('name one (member=…)'), members: { choose_by: 'member' } },
    });
    const partitions = memorySource(await file('super.img'));
    await expect(openDisk(partitions)).rejects.toThrow('its logical partitions are system_a, vendor_a: name one');
    const snapshots = memorySource(await file('snap.qcow2'));
    await expect(openDisk(snapshots, { snapshot: 'after' })).rejects.toThrow(
      'there is no snapshot "after": there is before',
    );
    await expect(openDisk(snapshots, { snapshot: 'after' })).rejects.toMatchObject({
      problem: { members: { choose_by: 'snapshot', choices: ['before'] } },
    });
  });

  it('reaches what lies on a disk, which is a disk where nothing of it is named', async () => {
    const pieces: Uint8Array[] = [];
    const wrapped = await qcow2Stream(memorySource(await file('super.img')));
    await wrapped.writeTo((bytes) => void pieces.push(bytes.slice()));
    const source = memorySource(concat(pieces));
    expect((await openDisk(source)).layers).toMatchObject([{ format: 'qcow2' }]);
    const { layers, choices, sizeBytes } = await openDisk(source, { member: 'vendor_a' });
    expect(layers).toMatchObject([{ format: 'qcow2' }, { format: 'android-super', note: 'vendor_a' }]);
    expect([choices.map(({ name }) => name), sizeBytes]).toEqual([['system_a', 'vendor_a'], 20_480]);
    await expect(openDisk(source, { member: 'odm_a' })).rejects.toThrow('there is no "odm_a"');
  });

  it('tells what was taken off', async () => {
    const { format, layers, choices } = await openDisk(memorySource(await file('machine.ova')), {
      member: 'stream.vmdk',
    });
    expect(format).toBe('ova');
    expect(layers).toEqual([
      { format: 'ova', note: 'stream.vmdk' },
      { format: 'vmdk', note: 'streamOptimized' },
    ]);
    expect(choices.map(({ name }) => name)).toEqual(['stream.vmdk', 'fixed.vhd']);
  });
});

describe('what was asked for', () => {
  it('wins over what is found: raw', async () => {
    const bytes = await file('v3.qcow2');
    const disk = await openDisk(memorySource(bytes), { format: 'raw' });
    expect(disk.format).toBe('raw');
    expect(await read(disk.content)).toEqual(bytes);
  });

  it('is an error where the image is of another format, or there is none of that name', async () => {
    const source = memorySource(await file('v3.qcow2'));
    await expect(openDisk(source, { format: 'vmdk' })).rejects.toThrow('vmdk: the image is not of this format');
    await expect(openDisk(source, { format: 'floppy' })).rejects.toThrow('not a format that is read here: raw, qcow2');
  });

  it('begins and ends where it is said to', async () => {
    const bytes = concat([new Uint8Array(777), await file('v3.qcow2'), new Uint8Array(99)]);
    const disk = await openDisk(memorySource(bytes), { offset: 777, size: bytes.length - 777 - 99 });
    expect(disk.format).toBe('qcow2');
    await expect(openDisk(memorySource(bytes), { offset: bytes.length + 1 })).rejects.toThrow('the image has');
  });
});

it.each([
  ['a qcow image of version 1', 'QFI\xfb\0\0\0\x01'],
  ['a QED image', 'QED\0\0\0\x01\0\x04\0\0\0'],
  ['an encrypted Apple disk image', 'encrcdsa'],
  ['an evidence file of version 2 (Ex01)', 'EVF2\r\n\x81\0'],
  ['a Windows image (WIM)', 'MSWIM\0\0\0'],
])('%s is named, with what to do', async (name, magic) => {
  const bytes = concat([Uint8Array.from(magic, (char) => char.charCodeAt(0)), new Uint8Array(5000)]);
  await expect(openDisk(memorySource(bytes))).rejects.toThrow(`not a disk: ${name}: `);
  expect((await openDisk(memorySource(bytes), { format: 'raw' })).format).toBe('raw');
});

it.each([
  ['zeros', new Uint8Array(MIB)],
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(0x51)],
  ['the magic number of qcow2 alone', concat([Uint8Array.of(0x51, 0x46, 0x49, 0xfb), new Uint8Array(5000)])],
  ['"conectix" and no more', concat([new Uint8Array(4096), new TextEncoder().encode('conectix'), new Uint8Array(504)])],
  ['"koly" and no more', concat([new Uint8Array(4096), new TextEncoder().encode('koly'), new Uint8Array(508)])],
  ['"KDMV" and no more', concat([new TextEncoder().encode('KDMV'), new Uint8Array(5000)])],
  [
    'a tar',
    concat([
      new TextEncoder().encode('disk.ovf'),
      new Uint8Array(249),
      new TextEncoder().encode('ustar'),
      new Uint8Array(4000),
    ]),
  ],
])('%s is a raw disk', async (_, bytes) => {
  expect((await openDisk(memorySource(bytes))).format).toBe('raw');
});

/** Pieces of seven bytes in any order, some of them zeros, some packed. */
describeBlockDevice('a disk in pieces', { writable: false }, async (image) => {
  const { rawDevice } = await import('../raw-device.ts');
  const source = memorySource(image);
  return rawDevice(
    mapped({
      name: 'pieces',
      sizeBytes: image.length,
      find(offset) {
        const number = Math.floor(offset / 777);
        const within = offset % 777;
        const bytes = 777 - within;
        if (number % 3 === 0)
          return { kind: 'bytes', bytes: Math.min(bytes, image.length - offset), source, at: offset };
        const unpack = () => concat([image.subarray(number * 777, (number + 1) * 777), new Uint8Array(777)]);
        const piece = { kind: 'packed', key: number, bytes, from: within, unpack } as const;
        return number % 3 === 1 ? piece : Promise.resolve({ ...piece, unpack: async () => unpack() });
      },
    }),
  );
});

describe('a parent that was changed since, or is another one', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  const replace = (bytes: Uint8Array, from: ArrayLike<number>, to: ArrayLike<number>) =>
    bytes.set(
      Array.from(to),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(Buffer.from(Array.from(from))),
    );
  const otherwise: readonly (readonly [string, (bytes: Uint8Array) => void])[] = [
    [
      'VHD, with a parent',
      (bytes) => {
        // Both in another order: the sum over the header is the same.
        const [first = 0, second = 0] = bytes.subarray(512 + 40);
        bytes.set([second, first], 512 + 40);
      },
    ],
    ['VHDX, with a parent', (bytes) => void replace(bytes, utf16('{65b5'), utf16('{65b6'))],
    ['VMDK, with a parent', (bytes) => void replace(bytes, utf8('parentCID='), utf8('parentCID=0'))],
  ];
  it.each(otherwise)('%s: it is refused, as every hypervisor does', async (name, change) => {
    const fixture = fixtures.find((one) => one.name === name);
    if (fixture === undefined) throw new Error(name);
    const [child] = fixture.files;
    const disk = open(fixture, (bytes, file) => {
      const copy = bytes.slice();
      if (file === child) change(copy);
      return copy;
    });
    await expect(disk).rejects.toThrow(/is not what it builds on, or was changed since: it has the id /);
  });
});

describe('what other programs write', () => {
  const bytesOfName = (name: string) => new TextEncoder().encode(name);
  const tarOf = (files: readonly (readonly [name: string, data: Uint8Array])[]) =>
    concat([
      ...files.flatMap(([name, data]) => [
        ustarBlock({
          name: bytesOfName(name),
          typeflag: '0',
          mode: 0o644,
          uid: 0,
          gid: 0,
          size: data.length,
          mtime: 0,
        }),
        data,
        new Uint8Array(-data.length & 511),
      ]),
      new Uint8Array(1024),
    ]);
  const sumOf = async (source: Uint8Array, options: Parameters<typeof openDisk>[1] = {}) =>
    sha256(await read((await openDisk(memorySource(source), options)).content));
  const expected = (name: string) => fixtures.find((one) => one.name === name)?.sha256;

  it('CD sectors with their subchannels', async () => {
    const plain = await file('mode1.bin');
    const sectors = Array.from({ length: plain.length / 2352 }, (_, i) => plain.subarray(2352 * i, 2352 * (i + 1)));
    const wide = concat(sectors.flatMap((sector) => [sector, new Uint8Array(96).fill(0x55)]));
    expect(await sumOf(wide)).toBe(expected('raw CD sectors, mode 1'));
  });

  it.each(['json:{"driver":"qcow2","file":{"driver":"file","filename":"v3.qcow2"}}', 'file:v3.qcow2'])(
    'a backing file that is named %s',
    async (name) => {
      const files = new Map([['v3.qcow2', await file('v3.qcow2')]]);
      const [plain, changed] = [await file('middle.qcow2'), (await file('middle.qcow2')).slice()];
      const view = new DataView(changed.buffer);
      view.setBigUint64(8, 2048n);
      view.setUint32(16, name.length);
      changed.set(bytesOfName(name), 2048);
      const options = { files: among(files, 'middle.qcow2') };
      expect(await sumOf(changed, options)).toBe(await sumOf(plain, options));
    },
  );

  it('an OVA whose disk is in pieces, or compressed', async () => {
    const vmdk = await file('stream.vmdk');
    const half = Math.ceil(vmdk.length / 2);
    const [description, halves] = [
      ['m.ovf', new Uint8Array(9)] as const,
      [vmdk.subarray(half), vmdk.subarray(0, half)],
    ];
    const pieces = halves.map((data, i) => [`d.vmdk.00000000${1 - i}`, data] as const);
    const sum = expected('VMDK, a stream');
    expect(await sumOf(tarOf([description, ...pieces]))).toBe(sum);
    const packed = tarOf([description, ['d.vmdk.gz', gzipSync(vmdk)]]);
    const unpack = async (source: ByteSource) => memorySource(gunzipSync(await read(source)));
    expect(await sumOf(packed, { unpack })).toBe(sum);
    await expect(sumOf(tarOf([description, ...pieces.slice(0, 1)]))).rejects.toThrow('piece 0 of d.vmdk is not in it');
  });
});

describe('a table that has a block where it cannot be', () => {
  const tableOf: Readonly<Record<string, (view: DataView) => number>> = {
    'dynamic.vhd': (view) => Number(view.getBigUint64(512 + 16)),
    'plain.vhdx': () => 2 * MIB,
    'dynamic.vdi': (view) => view.getUint32(340, true),
    'disk.hdd': () => 64,
    // The first table of grains, by the directory.
    'sparse.vmdk': (view) => view.getUint32(view.getUint32(56, true) * 512, true) * 512,
  };
  /** Of a disk with two blocks the first of which is elsewhere; bits that say what an entry is stay. */
  async function moved(name: string, place: number | undefined): Promise<Uint8Array> {
    const changed = (await file(name)).slice();
    const view = new DataView(changed.buffer);
    const [at, bytes, little] = [tableOf[name]?.(view) ?? 0, name.endsWith('.vhdx') ? 8 : 4, !name.endsWith('.vhd')];
    const indexes = Array.from({ length: 64 }, (_, i) => at + bytes * i).filter((entry) => {
      const value = view.getUint32(entry, little);
      return value > 1 && value < 0xfffffffe;
    });
    expect(indexes.length).toBeGreaterThan(1);
    const [first = 0] = indexes;
    const kept = name.endsWith('.vhdx') ? view.getUint32(first, little) & 7 : 0;
    const [, second = 0] = indexes.map((entry) => view.getUint32(entry, little));
    view.setUint32(first, ((place ?? second) & ~kept) | kept, little);
    return changed;
  }

  it.each([
    ...Object.keys(tableOf).map((name) => [name, 'two of its blocks lie in the same place', undefined] as const),
    ...(
      [
        ['dynamic.vhd', 0],
        ['plain.vhdx', 0],
      ] as const
    ).map(([name, place]) => [name, 'a block lies where something else is', place] as const),
  ])('is damaged: of %s %s', async (name, words, place) => {
    const { content, device } = await openDisk(memorySource(await moved(name, place)));
    expect(device.cut).toBeUndefined();
    const reading = async () => {
      for (let at = 0; at < content.sizeBytes; at += MIB)
        await content.read(at, new Uint8Array(Math.min(MIB, content.sizeBytes - at)));
    };
    await expect(reading()).rejects.toThrow(words);
  });
});
