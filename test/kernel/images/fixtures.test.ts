/** Every fixture, mounted by the real kernel, as a tar: what another reader of the same image saw, attribute by attribute. */

import { describe, expect, it } from 'vitest';
import { fixtureDevice, fixtureListing, fixtures } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { rowsOfListing, rowsOfTar } from '../tar-listing.ts';

const volumes = Object.entries(fixtures).flatMap(([name, { volumes }]) =>
  volumes.flatMap((volume) => (volume.type === null ? [] : [{ name, ...volume }])),
);
const listed = volumes.filter(({ name }) => !name.endsWith('-100k'));

/** Directories without a time of their own: Linux shows that of the mount, here 1970, or the earliest the file system has. */
const timeless: Readonly<Record<string, Readonly<Record<string, bigint>>>> = {
  btrfs: { 'snapshot/nested': 0n },
  exfat: { '.': 315_532_800_000_000_000n }, // 1980
};

const ascii = (path: Uint8Array): string => new TextDecoder('ascii').decode(path);

describe('the tar of a fixture has what Linux shows of it', () => {
  it.each(listed)('$name $partition', async ({ name, partition, type, untold }) => {
    const listing = await fixtureListing(name, partition);
    const bad = listing.flatMap((entry) => ('error' in entry ? [ascii(entry.path)] : []));
    const { tar, report, ...archived } = await archive(
      await fixtureDevice(name),
      { partition: partition ?? undefined },
      { onError: bad.length > 0 ? 'continue' : 'stop' },
    );
    expect(archived.type).toBe(type);
    const reported = report.errors.flatMap(({ path, call }) => (call === 'syslog' ? [] : [path]));
    expect(reported).toEqual(bad.map((path) => `./${path}`));
    const rows = await rowsOfTar(tar, untold);
    for (const [path, row] of rowsOfListing(listing, untold)) {
      if (bad.includes(path)) continue;
      const time = timeless[name]?.[path];
      const expected = time === undefined ? row : { ...row, mtime: time };
      expect({ path, ...rows.get(path) }).toEqual({ path, ...expected });
    }
    expect(report.socketsSkipped).toBe(listing.filter((entry) => entry.type === 'socket').length);
  });
});
