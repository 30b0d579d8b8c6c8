/**
 * Test images of other projects, listed by us and by the kernel of a virtual machine (make.sh): verdict and tree are to be the same.
 *
 *   node scripts/conformance/vm/suite.ts --vm FOLDER --share FOLDER --type ext4 IMAGE…
 *
 * Images as they are; suites.sh takes them out of Debian's source packages.
 */

import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileSource } from '../../../src/node/files/file-source.ts';
import { openDisk } from '../../../src/storage/open-disk.ts';
import { compared } from './compare.ts';
import type { Listed } from './listing.ts';
import { OPTIONS, ours } from './ours.ts';
import { type Job, listed, newShare } from './vm.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    vm: { type: 'string', default: '' },
    share: { type: 'string', default: '/tmp/lkl-vm-share' },
    type: { type: 'string', default: 'ext4' },
  },
});

const { type } = values;
const input = newShare(values.share);
const jobs: Job[] = [];
const found = new Map<string, Listed | string>();
for (const [index, path] of positionals.entries()) {
  const name = `${index}-${basename(path)
    .replace(/[^\w.-]/g, '_')
    .replace(/\.img$/, '')}.img`;
  const source = fileSource(path);
  try {
    const { device } = await openDisk(source, { format: 'raw' });
    found.set(name, await ours(device, type));
  } catch (cause) {
    found.set(name, String(cause));
  } finally {
    await source.close();
  }
  // Linux writes to it, and most of it is holes.
  execFileSync('cp', ['--sparse=always', path, join(input, name)]);
  jobs.push({ name, type, options: OPTIONS[type] ?? '' });
}

const { listings, died } = await listed(values.vm, values.share, jobs);
const counts = new Map<string, number>();
for (const { name } of jobs) {
  const [mine, theirs] = [found.get(name), listings.get(name)];
  if (mine === undefined || theirs === undefined) continue;
  const { kind, tell } = compared(mine, theirs);
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
  if (tell) console.log(`${name}: ${kind}\n  ${tell}`);
}
for (const name of died) console.log(`${name}: Linux did not live through it`);
console.log(type, Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)));
