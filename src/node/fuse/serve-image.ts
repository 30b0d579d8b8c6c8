/** An image as a directory of this machine: mounted in a kernel of ours, and by FUSE in this machine's. */

import { existsSync, realpathSync } from 'node:fs';
import type { MountRequest } from '../../image/mounted-image.ts';
import type { Linux } from '../../linux.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { asForDisks } from './backing-device.ts';
import { fuseChannel } from './channel.ts';
import { mountFuse, unmountFuse } from './mount.ts';
import { type ServedTree, type ServeOptions, serve } from './server.ts';

export interface ServeImageOptions extends Omit<ServeOptions, 'onFault'>, MountRequest {
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** What mount(8) calls it. */
  readonly source: string;
}

export interface ServedImage {
  readonly type: string;
  readonly partition: number | undefined;
  /** Settles once the mount is gone and all that was written is on the device, flushed; rejects when not all of it is. */
  readonly ended: Promise<void>;
  unmount(options?: { readonly lazy?: boolean }): Promise<'done' | 'busy'>;
  /** The end of the kernel's log. */
  log(): string;
}

interface Opened extends ServedTree {
  readonly partition: number | undefined;
  /** Lets go of the tree, all of it on the device. */
  commit(): Promise<void>;
  abandon(): Promise<void> | void;
  /** Somebody sees it from now on. */
  settle?(): Promise<void>;
  log(): string;
}

/** Settles when the directory shows the image. */
export async function serveImage(
  linux: Linux,
  device: BlockDevice,
  directory: string,
  options: ServeImageOptions,
): Promise<ServedImage> {
  const opened = options.readOnly ? await forReading(linux, device, options) : await forWriting(linux, device, options);
  // Once it is mounted, to look at it would be to wait for ourselves.
  const place = existsSync(directory) ? realpathSync(directory) : directory;
  let fd: number;
  try {
    fd = await mountFuse(directory, options);
  } catch (cause) {
    await opened.abandon();
    throw cause;
  }
  try {
    await opened.settle?.();
  } catch (cause) {
    await unmountFuse(directory, { lazy: true });
    await opened.abandon();
    throw cause;
  }
  const channel = fuseChannel(fd);
  let fault: unknown;
  const ready = Promise.withResolvers<void>();
  const served = serve(channel, opened, {
    ...options,
    onReady: ready.resolve,
    onFault(cause) {
      fault ??= cause;
    },
  });
  const ended = served.then(
    async () => {
      channel.close();
      await opened.commit();
      if (fault !== undefined) throw fault;
    },
    async (cause: unknown) => {
      channel.close();
      await opened.abandon();
      throw cause;
    },
  );
  ended.catch(() => {}); // whoever awaits it hears of it
  await Promise.race([ready.promise.then(() => asForDisks(place)), ended]);
  const { type, partition } = opened;
  return { type, partition, ended, unmount: (how) => unmountFuse(directory, how), log: opened.log };
}

async function forWriting(linux: Linux, device: BlockDevice, request: MountRequest): Promise<Opened> {
  return linux.write(device, request, { clock: 'wall', settles: false });
}

async function forReading(linux: Linux, device: BlockDevice, request: MountRequest): Promise<Opened> {
  const mounted = await linux.mount(device, request);
  const { task, mountPoint, type, partition } = mounted;
  const close = () => mounted.close();
  return {
    task,
    newTask: () => mounted.newTask(),
    mountPoint,
    type,
    partition,
    commit: close,
    abandon: close,
    log: () => '',
  };
}
