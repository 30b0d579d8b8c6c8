/** Mounts an image by FUSE, and stays with it until it is unmounted. */

import { appendFileSync, existsSync, openSync, realpathSync, rmdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '../../src/errors/host-error.ts';
import type { StackRequest } from '../../src/image/mounted-image.ts';
import { nodeLinux } from '../../src/node/engine.ts';
import { MountError } from '../../src/node/fuse/mount.ts';
import { type ServedImage, serveImage } from '../../src/node/fuse/serve-image.ts';
import { tryFlock } from '../../src/node/native/calls.ts';
import { native } from '../../src/node/native/native.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { Failure, printable, reasonOf } from '../failure.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../input/disk.ts';
import { type DiskOptions, defined, type StackOptions } from '../options.ts';
import { endings, onSignals } from '../signals.ts';
import { mustBeToWrite, stackToWrite } from '../write/session.ts';
import { inBackground, tellReady } from './background.ts';
import type { MountWords } from './words.ts';

export interface MountArguments extends DiskOptions, StackOptions {
  readonly type?: string;
  readonly partition?: string;
  readonly o?: MountWords;
  readonly foreground?: true;
  readonly untilDisconnect?: true;
  readonly uid?: number;
  readonly gid?: number;
  readonly mb?: number;
  readonly log?: string;
  readonly lock?: string;
}

const MEMORY_MIB = 256;
/** A quarter of the memory may be names and what they stand for. */
const NODES_A_MIB = 256;
/** The engine counts whole machines, and a little beside. */
const BESIDE_MIB = 16;

export async function mount(image: string, directory: string, options: MountArguments): Promise<void> {
  if (!native()) {
    throw new Failure(
      'failed',
      `mounting needs Linux on x64 or arm64, this is ${process.platform} on ${process.arch}: lkl ls, cp, cptofs and others read and write images anywhere`,
    );
  }
  if (!options.foreground) return inBackground();
  const words = options.o ?? {};
  lockOrFail(options.lock ?? words.lock, image);
  // In the background the working directory is another one, later.
  const log = options.log ?? words.log;
  const logPath = log === undefined ? undefined : resolve(log);
  const disk = await opened(image, words.readOnly === true, options);
  try {
    const served = await serving(image, directory, disk, options);
    if (options.untilDisconnect) unmountAtDisconnect(served, directory);
    else unmountAtSignals(served, directory);
    tellReady(`${image} (${served.type}) is mounted on ${directory}`);
    try {
      await served.ended;
    } finally {
      if (logPath !== undefined) appendFileSync(logPath, printable(served.log()));
    }
  } catch (cause) {
    throw cause instanceof MountError ? new Failure('failed', cause.message) : cause;
  } finally {
    disk.close();
  }
}

interface Disk {
  readonly device: BlockDevice;
  readonly stack: StackRequest;
  close(): void;
}

async function opened(image: string, readOnly: boolean, options: MountArguments): Promise<Disk> {
  if (readOnly) {
    const [{ device }, stack] = await Promise.all([openDiskFile(image, options), openStackFiles(options)]);
    return { device, stack, close: () => {} };
  }
  mustBeToWrite(options, '; mount it with -o ro');
  if (image === '-') throw new Failure('usage', 'what comes from standard input is mounted with -o ro');
  try {
    const { disk, stack, close } = await stackToWrite(image, options);
    return { device: disk.device, stack, close };
  } catch (cause) {
    throw instead(image, cause);
  }
}

/** What could be done with an image that cannot be written. */
function instead(image: string, cause: unknown): unknown {
  if (cause instanceof HostError && cause.kind === 'read-only-device')
    return new Failure('image', `${cause.message}; -o ro mounts it as it is`);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') return cause;
  return new Failure('failed', `${image}: ${reasonOf(cause)}; -o ro only reads it`);
}

async function serving(
  image: string,
  directory: string,
  { device, stack }: Disk,
  options: MountArguments,
): Promise<ServedImage> {
  const words: MountWords = options.o ?? {};
  const mib = options.mb ?? words.mb ?? MEMORY_MIB;
  const limits = { kernelsMib: mib + BESIDE_MIB, aloneMib: mib, mountMib: [mib], ready: 0, patienceMs: 0 } as const;
  const linux = await nodeLinux({ limits });
  // As with mount(8): who is root shares it with all, who may do what their user may.
  const { allowOther = process.geteuid?.() === 0, defaultPermissions = allowOther } = words;
  // Of what is written the part was cut out when it was opened.
  const { offset: _, size: __, ...parts } = options;
  return serveImage(linux, device, resolve(directory), {
    ...stack,
    ...mountRequest({
      ...(words.readOnly ? options : parts),
      ...defined({
        type: options.type ?? words.type,
        partition: options.partition ?? words.partition,
        options: words.options,
      }),
    }),
    source: image === '-' ? 'lkl' : resolve(image),
    readOnly: words.readOnly === true,
    allowOther,
    checksPermissions: defaultPermissions,
    writeback: words.writeback,
    nodes: words.nodes ?? NODES_A_MIB * mib,
    uid: options.uid ?? words.uid,
    gid: options.gid ?? words.gid,
  });
}

/** Held for as long as this process lives. */
function lockOrFail(path: string | undefined, image: string): void {
  // The image itself is locked as it is opened to be written.
  if (path === undefined || (existsSync(path) && existsSync(image) && realpathSync(path) === realpathSync(image)))
    return;
  if (!tryFlock(openSync(path, 'a'))) throw new Failure('failed', `${path} is locked by another process`);
}

/** What a terminal sends is for the program that uses the mount. Its directory is removed. */
function unmountAtDisconnect(served: ServedImage, directory: string): void {
  onSignals([...endings, 'SIGQUIT'], () => {});
  process.once('disconnect', async () => {
    // Those who used it have ended, or end soon.
    for (let tries = 0; (await served.unmount()) === 'busy'; tries++) {
      if (tries === MOST_TRIES) await served.unmount({ lazy: true });
      await delay(TRY_MS);
    }
  });
  served.ended.then(
    () => rmdirSync(directory),
    () => {},
  );
}
const MOST_TRIES = 20;
const TRY_MS = 50;

/** The first asks: while the mount is in use it stays. The second takes it away from everybody who has nothing open in it. */
function unmountAtSignals(served: ServedImage, directory: string): void {
  let asked = 0;
  const end = async () => {
    asked += 1;
    try {
      const result = await served.unmount({ lazy: asked > 1 });
      if (result === 'busy') {
        console.error(
          `lkl: ${directory} is in use: it is unmounted at the next signal as soon as nothing is open in it`,
        );
      }
    } catch (cause) {
      if (!(cause instanceof MountError)) throw cause;
      console.error(`lkl: ${cause.message}`);
    }
  };
  onSignals(endings, end);
}
