/** A kernel as a request wants it: settings, loopback, images as disks and mounted. */

import { AT_FDCWD, O_WRONLY } from '../abi/uapi/fs.ts';
import { fromBase64 } from '../bytes/base64.ts';
import { HostError } from '../errors/host-error.ts';
import { partOf } from '../image/image.ts';
import type { MountRequest } from '../image/mounted-image.ts';
import { mountDisk } from '../image/mounter.ts';
import { presented } from '../image/presented.ts';
import type { ClockPolicy, Host } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { seededHost } from '../kernel/seed.ts';
import { close, openat, write } from '../kernel/syscalls/file.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { type BlockDevice, SECTOR, sizeOf } from '../storage/block-device.ts';
import { memorySource } from '../storage/byte-source.ts';
import { type DiskChoice, openDisk } from '../storage/open-disk.ts';
import { type Overlay, overlay } from '../storage/overlay.ts';
import type { Room } from '../storage/room.ts';
import { makeDirectories } from '../tree/make-directories.ts';
import { type Setting, settingOf, sysctl, wordsOf } from './command-line.ts';
import { CallRunner } from './language/run.ts';

/** An image as a disk: /dev/vda, vdb … in the order asked for. */
export interface DiskRequest extends MountRequest, DiskChoice {
  /** In storage. */
  readonly image?: string | undefined;
  /** Or the image itself, as base64. */
  readonly base64?: string | undefined;
  /** Where to mount it; absent: it is plugged in only. Directories that are not there are made. */
  readonly at?: string | undefined;
  /** Nothing can be written; else what is written stays in memory. */
  readonly readOnly: boolean;
}

export interface KernelRequest {
  readonly disks: readonly DiskRequest[];
  /** Set the loopback device up. */
  readonly loopback: boolean;
  readonly sysctl: Readonly<Record<string, string>>;
  /** Words of a kernel command line that still mean something after boot. */
  readonly commandLine: string;
  readonly memoryMib: number;
  readonly clock: ClockPolicy;
  /** Decides everything random, and the date. */
  readonly seed?: string | undefined;
}

/** What the writes to one image may add up to. */
const OVERLAY_MIB = 32;

export interface SetupNeeds {
  newKernel(options: { readonly host: Host; readonly clock: ClockPolicy; readonly memoryMib: number }): Promise<Kernel>;
  /** The image of this name, of several disks in it the one chosen. Rejects with `image-not-found`. */
  image(name: string, choice: DiskChoice): Promise<ImageDevice>;
  readonly host: Host;
  /** Memory for disks: caches, what is written, and images that came in a request. Default: as much as their own limits allow. */
  readonly room?: (Room & { release(): void }) | undefined;
  /** Told whenever the kernel flushes a disk. Absent: no kernel needs to. */
  readonly flushed?: () => void;
}

export interface ImageDevice {
  readonly device: BlockDevice;
  /** Names the version; every read is of that one. */
  readonly etag: string;
}

/** A disk of a kernel; `upper` holds what was written to `device`. */
export interface AttachedDisk {
  readonly request: DiskRequest;
  readonly device: BlockDevice;
  readonly upper: Overlay | undefined;
  /** Of an image in storage. */
  readonly etag: string | undefined;
}

export interface PreparedKernel {
  readonly kernel: Kernel;
  readonly disks: readonly AttachedDisk[];
}

/** Kill the kernel when done with it. */
export async function prepareKernel(request: KernelRequest, needs: SetupNeeds): Promise<PreparedKernel> {
  const settings = [
    ...wordsOf(request.commandLine).map(settingOf),
    ...Object.entries(request.sysctl).map(([key, value]) => sysctl(`sysctl ${key}`, key, value)),
  ];
  const { seed, clock, memoryMib } = request;
  const host = seed === undefined ? needs.host : seededHost(needs.host, seed);
  const release = () => needs.room?.release();
  const making = devicesOf(request.disks, needs).then(async (disks) => ({
    disks,
    kernel: await needs.newKernel({ host, clock, memoryMib }),
  }));
  const { disks, kernel } = await making.catch((cause: unknown) => {
    release();
    throw cause;
  });
  kernel.engine.onDeath(release);
  try {
    for (const disk of disks) await attach(kernel, disk);
    for (const setting of settings) await applySetting(kernel.init, setting);
    if (request.loopback) await loopbackUp(kernel.init);
    return { kernel, disks };
  } catch (cause) {
    kernel.kill();
    throw cause;
  }
}

/** What the disks asked for are made of, with nothing written yet. */
export const devicesOf = (requests: readonly DiskRequest[], needs: SetupNeeds): Promise<AttachedDisk[]> =>
  Promise.all(
    requests.map(async (request) => {
      const { device, etag } = await imageOf(request, needs);
      // As every mount sees it: as long as it says that it is, in blocks of its own table, that table mended.
      const lower = (await presented(partOf(device, request))).device;
      if (request.readOnly) return { request, upper: undefined, device: readOnly(lower), etag };
      const upper = overlay(lower, { limitMib: OVERLAY_MIB, room: needs.room });
      const { read, write, discard } = upper;
      const { flushed: flush } = needs;
      return { request, upper, device: flush ? { ...sizeOf(upper), read, write, discard, flush } : upper, etag };
    }),
  );

async function imageOf(
  { image, base64, format, member, snapshot }: DiskRequest,
  { image: stored, room }: SetupNeeds,
): Promise<{ readonly device: BlockDevice; readonly etag: string | undefined }> {
  const choice = { format, member, snapshot };
  if (image !== undefined) return stored(image, choice);
  const bytes = fromBase64(base64 ?? '');
  if (bytes === undefined || bytes.length < SECTOR) {
    throw new HostError('invalid-request', 'mounts: an inline image is base64 of at least one sector');
  }
  if (room?.tryTake(bytes.length) === false) throw new HostError('service-busy');
  return { device: (await openDisk(memorySource(bytes), choice)).device, etag: undefined };
}

const readOnly = (device: BlockDevice): BlockDevice => ({ ...sizeOf(device), read: device.read });

async function attach(kernel: Kernel, { request, device }: AttachedDisk): Promise<void> {
  const disk = await kernel.attachDisk(device);
  const { at } = request;
  if (at === undefined) return;
  await makeDirectories(kernel.init, new TextEncoder().encode(at));
  await mountDisk(kernel, device, disk, { ...request, at });
}

/** Throws `bad-option` when the kernel refuses. */
export async function applySetting(task: UserTask, { word, path, value }: Setting): Promise<void> {
  const refused = (ret: number) => {
    const { errno, message } = new KernelError('write', -ret, path);
    return new HostError('bad-option', `${word}: ${message}`, { members: { option: word, errno } });
  };
  const fd = await openat(task, AT_FDCWD, path, O_WRONLY);
  if (fd < 0) throw refused(fd);
  // openat is done with the scratch memory.
  const bytes = new TextEncoder().encode(value);
  task.memory.write(task.scratch, bytes);
  const written = await write(task, fd, { at: task.scratch, bytes: bytes.length }, bytes.length);
  await close(task, fd);
  if (written < 0) throw refused(written);
}

/** As `ip link set lo up` does, in the batch language. */
async function loopbackUp(task: UserTask): Promise<void> {
  const runner = new CallRunner(task, { limitBytes: task.scratchBytes, nowNs: () => 0n });
  await runner.run({ call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 'fd' });
  const flags = { struct: 'ifreq', ifr_name: 'lo', ifr_flags: 'IFF_UP' };
  const { ret } = await runner.run({ call: 'ioctl', args: [{ ref: 'fd' }, 'SIOCSIFFLAGS', flags] });
  must('ioctl', ret ?? 0, 'lo');
  await runner.run({ call: 'close', args: [{ ref: 'fd' }] });
}
