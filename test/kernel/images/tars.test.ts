/** The tar of every fixture, byte by byte: what makes it faster must not change it. `node scripts/fixtures/tars.ts` records them. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fixtureDevice, fixtures } from '../../fixtures/load.ts';
import tars from '../../fixtures/tars.json' with { type: 'json' };
import { archive } from '../archive.ts';

it('is recorded of every fixture', () => {
  const volumes = Object.entries(fixtures).flatMap(([name, fixture]) =>
    fixture.volumes.flatMap(({ partition, type }) => {
      if (type === null) return [];
      return [partition === null ? name : `${name} ${partition}`];
    }),
  );
  expect(Object.keys(tars).sort()).toEqual(volumes.sort());
});

describe('the tar of a fixture has the recorded bytes', () => {
  it.each(Object.entries(tars))('%s', async (key, sha256) => {
    const [name = '', partition] = key.split(' ');
    const request = { partition: partition === undefined ? undefined : Number(partition) };
    const { tar } = await archive(await fixtureDevice(name), request, { onError: 'continue' });
    expect(createHash('sha256').update(tar).digest('hex')).toBe(sha256);
  });
});
