/** Programs of the tools, beside Debian's native ones in the same run: mkfs, fsck, a tar as a file system, spawns in a shell. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../pins.ts';
import { filesImage } from './images.ts';
import { type BenchOptions, median, type Results } from './result.ts';

const lkl = join(root, 'cli/lkl.mjs');

export async function tools({ quick, folder }: BenchOptions): Promise<Results> {
  const times = quick ? 2 : 5;
  const results: Record<string, number> = {};
  const image = join(folder, 'made');

  /** In turn: this machine's speed varies. `before` is not counted. */
  function beside(name: string, ours: readonly string[], native: readonly string[], before = () => {}): void {
    const [oursMs, nativeMs]: [number[], number[]] = [[], []];
    run(process.execPath, [lkl, ...ours], before); // caches of this machine, and of compiled JavaScript
    for (let taken = 0; taken < times; taken += 1) {
      oursMs.push(run(process.execPath, [lkl, ...ours], before));
      nativeMs.push(run(native[0] ?? '', native.slice(1), before));
    }
    results[`tools.${name}.ms`] = median(oursMs);
    results[`tools.${name}.native_ms`] = median(nativeMs);
  }

  const empty = (mib: number) => () => {
    rmSync(image, { force: true });
    writeFileSync(image, '');
    truncateSync(image, mib * 2 ** 20);
  };
  beside('mkfs_ext4_1gb', ['mkfs', '-t', 'ext4', '--force', image], ['mkfs.ext4', '-q', '-F', image], empty(1024));

  const files = quick ? 5_000 : 100_000;
  const checked = await filesImage(folder, 'checked', 1024, files, [512, 4096]);
  beside(`fsck_ext4_${files}_files`, ['fsck', checked], ['e2fsck', '-f', '-n', checked]);

  const tree = join(folder, 'tree');
  const tar = join(folder, 'tree.tar');
  makeTree(tree, quick ? 20 : 200);
  spawnSync('tar', ['-cf', tar, '-C', tree, '.']);
  const native = `mkdir -p ${folder}/out && tar -xf ${tar} -C ${folder}/out && mkfs.ext4 -q -F -d ${folder}/out ${image} && rm -r ${folder}/out`;
  beside(
    'tar2fs_ext4_200mb',
    ['mkfs', '-t', 'ext4', '--force', '--from', tar, image],
    ['sh', '-c', native],
    empty(400),
  );

  const script = 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i + 1)); done';
  beside('spawn_1000', ['run', '--', 'sh', '-c', script], ['sh', '-c', script]);
  return results;
}

function run(program: string, args: readonly string[], before: () => void): number {
  before();
  const since = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status} ${stderr}`);
  return performance.now() - since;
}

/** Files of 40 KiB. */
function makeTree(tree: string, mib: number): void {
  for (let i = 0; i < mib * 25; i++) {
    const folder = join(tree, String(Math.floor(i / 500)));
    if (i % 500 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, String(i)), Buffer.alloc(40 * 1024, `${i} `));
  }
}
