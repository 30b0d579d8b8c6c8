/** The device over a file service: the laws, and what it does when the file or the service misbehaves. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, expectBytes, read } from '../../../test/contract/block-device.ts';
import { randomBytes, seededRandom } from '../../../test/fakes/block-devices.ts';
import { SECTOR } from '../../storage/block-device.ts';
import { cached } from '../../storage/cached.ts';
import { ImageChangedError, ImageNotFoundError, ReadFailedError } from '../../storage/errors.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { type FileService, fetchSource } from './fetch-source.ts';

const fetchDevice = async (...file: Parameters<typeof fetchSource>) =>
  (await openDisk(await fetchSource(...file), { format: 'raw' })).device;

interface File {
  readonly bytes: Uint8Array;
  readonly changed?: string;
}

/** Serves `files` as RFC 9110 wants ranges served. */
const serving =
  (files: Map<string, File>): FileService =>
  async ({ method, url, headers }) => {
    const file = files.get(decodeURIComponent(new URL(url).pathname.slice(1)));
    if (file === undefined) return new Response(null, { status: 404 });
    const { bytes, changed } = file;
    const common = { ...(changed && { 'last-modified': changed }) };
    if (method === 'HEAD') return new Response(null, { headers: { ...common, 'content-length': `${bytes.length}` } });
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.get('range') ?? '') ?? [];
    if (Number(from) >= bytes.length) return new Response(null, { status: 416 });
    const part = bytes.slice(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    return new Response(part, { status: 206, headers: { ...common, 'content-range': range } });
  };

const image = randomBytes(64 * SECTOR + 3, seededRandom(9));
const changed = 'Mon, 23 Nov 2026 19:28:04 GMT';

describeBlockDevice('file service', { writable: false }, (bytes) =>
  fetchDevice(serving(new Map([['image', { bytes }]])), 'image'),
);

describeBlockDevice('file service behind a cache', { writable: false }, async (bytes) =>
  cached(await fetchDevice(serving(new Map([['image', { bytes }]])), 'image'), { maxMib: 0.25 }),
);

describe('file service', () => {
  it('reports the size and the version of the file it opened', async () => {
    const service = serving(new Map([['image', { bytes: image, changed }]]));
    expect(await fetchSource(service, 'image')).toMatchObject({
      sizeBytes: image.length,
      etag: `${image.length}-1795462084000`,
    });
    const device = await fetchDevice(service, 'image');
    expect((await read(device, 64, 1)).subarray(3)).toEqual(new Uint8Array(SECTOR - 3));
  });

  it('takes a whole answer for the range that is all of the file', async () => {
    const whole: FileService = async ({ method }) => {
      const headers = { 'content-length': `${image.length}` };
      return new Response(method === 'HEAD' ? null : image, { headers });
    };
    const device = await fetchDevice(whole, 'image');
    expectBytes((await read(device, 0, 65)).subarray(0, image.length), image);
    await expect(read(device, 0, 64)).rejects.toThrow(ReadFailedError);
  });

  it('asks for names as they are', async () => {
    const name = 'a/b c%2Fd?#ü';
    const device = await fetchDevice(serving(new Map([[name, { bytes: image }]])), name);
    expectBytes(await read(device, 1, 1), image.subarray(SECTOR, 2 * SECTOR));
  });

  it('has no device for a file that is not there', async () => {
    await expect(fetchDevice(serving(new Map()), 'nowhere')).rejects.toThrow(ImageNotFoundError);
  });

  it('has no device where the service fails or does not tell the size', async () => {
    for (const answer of [new Response(null, { status: 406 }), new Response(null)]) {
      await expect(fetchDevice(async () => answer, 'image')).rejects.toThrow(ReadFailedError);
    }
  });

  it.each<[string, File | undefined]>([
    ['written to', { bytes: image, changed: 'Mon, 23 Nov 2026 19:28:05 GMT' }],
    ['made longer', { bytes: randomBytes(100 * SECTOR, seededRandom(2)), changed }],
    ['cut short within what is read', { bytes: image.subarray(0, 9 * SECTOR), changed }],
    ['cut short before what is read', { bytes: image.subarray(0, SECTOR), changed }],
    ['deleted', undefined],
  ])('is an error, not mixed data, once the file was %s', async (_, after) => {
    const files = new Map<string, File>([['image', { bytes: image, changed }]]);
    const device = await fetchDevice(serving(files), 'image');
    await read(device, 0, 8);
    files.delete('image');
    if (after !== undefined) files.set('image', after);
    await expect(read(device, 8, 8)).rejects.toThrow(ImageChangedError);
  });

  it('detects a service that fails, ignores ranges or sends another length', async () => {
    const length = { 'content-length': `${image.length}` };
    const range = { 'content-range': `bytes 0-511/${image.length}` };
    for (const answer of [
      () => new Response(null, { status: 500 }),
      () => new Response(image),
      () => new Response(image.subarray(0, 511), { status: 206, headers: range }),
      () => new Response(image.subarray(0, 513), { status: 206, headers: range }),
    ]) {
      const service: FileService = async ({ method }) =>
        method === 'HEAD' ? new Response(null, { headers: length }) : answer();
      await expect(read(await fetchDevice(service, 'image'), 0, 1)).rejects.toThrow(ReadFailedError);
    }
  });
});
