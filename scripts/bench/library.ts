/** The library on an ext4: opening, stat, reading; beside ext2fs (npm), where that is installed (`npm i --no-save ext2fs file-disk`). */

import { openImage } from '../../src/library/index.ts';
import { ext4Image } from './images.ts';
import { type BenchOptions, MB, median, type Results, timed } from './result.ts';

/** What both have of node:fs/promises. Text, for ext2fs reads nothing else. */
interface Reader {
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
  readFile(path: string, encoding: 'latin1'): Promise<string>;
}

/** The parts of the packages ext2fs and file-disk that are used. */
interface Ext2fs {
  readonly default: {
    withMountedDisk(
      disk: unknown,
      offset: number,
      use: (fs: { readonly promises: Reader }) => Promise<void>,
    ): Promise<void>;
  };
}
interface FileDisk {
  readonly default: {
    readonly FileDisk: new (handle: unknown, readOnly: boolean) => unknown;
    withOpenFile(path: string, mode: string, use: (handle: unknown) => Promise<void>): Promise<void>;
  };
}

export async function library({ quick, folder }: BenchOptions): Promise<Results> {
  const path = await ext4Image(folder, quick ? 16 : 256);
  await using warm = await openImage(path); // compiles the kernel
  const opens: number[] = [];
  for (let i = 0; i < (quick ? 3 : 20); i += 1) {
    opens.push(
      await timed(async () => {
        await using image = await openImage(path);
        await image.stat('/');
      }),
    );
  }
  const files = await filesOf(warm);
  const results: Record<string, number> = {
    'library.open_ms.p50': median(opens),
    ...(await read('library', warm, files)),
  };
  let bytes = 0;
  const atOnceMs = await timed(async () => {
    const contents = await Promise.all(files.map(async (file) => (await warm.readFile(file)).length));
    bytes = contents.reduce((sum, length) => sum + length, 0);
  });
  results['library.read_at_once_mb_s'] = bytes / MB / (atOnceMs / 1000);
  bytes = 0;
  const tarMs = await timed(async () => {
    for await (const chunk of warm.tar()) bytes += chunk.length;
  });
  results['library.tar_mb_s'] = bytes / MB / (tarMs / 1000);
  return { ...results, ...(await ext2fs(path, files)) };
}

async function filesOf(fs: Reader): Promise<string[]> {
  const files: string[] = [];
  const directories = ['/'];
  for (let directory = directories.pop(); directory; directory = directories.pop()) {
    for (const name of await fs.readdir(directory)) {
      const path = `${directory}${name}`;
      if ((await fs.stat(path)).isDirectory()) directories.push(`${path}/`);
      else files.push(path);
    }
  }
  return files;
}

async function read(name: string, fs: Reader, files: readonly string[]): Promise<Results> {
  const walkMs = await timed(() => filesOf(fs));
  let bytes = 0;
  const readMs = await timed(async () => {
    for (const file of files) bytes += (await fs.readFile(file, 'latin1')).length;
  });
  return {
    [`${name}.list_and_stat_us_a_file`]: (walkMs * 1000) / files.length,
    [`${name}.read_mb_s`]: bytes / MB / (readMs / 1000),
  };
}

async function ext2fs(path: string, files: readonly string[]): Promise<Results> {
  const load = <T>(name: string): Promise<T | undefined> => import(name).catch(() => undefined);
  const [ext2, disks] = [await load<Ext2fs>('ext2fs'), await load<FileDisk>('file-disk')];
  if (ext2 === undefined || disks === undefined) return {};
  let results: Results = {};
  await disks.default.withOpenFile(path, 'r', async (handle) => {
    await ext2.default.withMountedDisk(new disks.default.FileDisk(handle, true), 0, async ({ promises }) => {
      results = await read('ext2fs', promises, files);
    });
  });
  return results;
}
