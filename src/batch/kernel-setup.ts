/** A kernel as a request wants it: settings, loopback, images as disks and mounted. */

import { AT_FDCWD, O_WRONLY } from '../abi/uapi/fs.ts';
import { fromBase64 } from '../bytes/base64.ts';
import { HostError } from '../errors/host-error.ts';
import { partOf } from '../image/image.ts';
import type { MountRequest, StackRequest } from '../image/mounted-image.ts';
import { type AttachedImage, type Companions, mountInto } from '../image/mounting/mount-into.ts';
import { presented } from '../image/presented.ts';
import type { Unlock } from '../image/stack/keyring.ts';
import type { ClockPolicy, Host } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { seededHost } from '../kernel/snapshot/seed.ts';
import { symlinkat } from '../kernel/syscalls/dir.ts';
import { close, openat, write } from '../kernel/syscalls/file.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { type BlockDevice, SECTOR, sizeOf } from '../storage/block-device.ts';
import { memorySource } from '../storage/byte-source.ts';
import { type Overlay, overlay } from '../storage/layers/overlay.ts';
import { type DiskChoice, openDisk } from '../storage/open-disk.ts';
import type { Room } from '../storage/room.ts';
import { makeDirectories } from '../tree/make-directories.ts';
import { type Setting, settingOf, sysctl, wordsOf } from './command-line.ts';
import { CallRunner } from './language/run.ts';

/**
 * An image as a disk: /dev/vda, vdb … in the order asked for, each with the images that belong to it right behind it. Plain
 * data, which is stored: no secrets.
 */
export interface DiskRequest extends Omit<MountRequest, keyof StackRequest>, DiskChoice {
  /** In storage. */
  readonly image?: string | undefined;
  /** Or the image itself, as base64. */
  readonly base64?: string | undefined;
  /** More images in storage that are disks of the same machine: members of an array, of a volume group, of a btrfs. */
  readonly also?: readonly string[] | undefined;
  /** One that is the detached header of an encrypted volume. */
  readonly header?: string | undefined;
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
  /** Of all programs together; absent: none can run. */
  readonly programMib?: number | undefined;
  readonly clock: ClockPolicy;
  /** Decides everything random, and the date. */
  readonly seed?: string | undefined;
}

/** What is compressed in an image that came in a request is not larger than that by far. */
const INLINE_PIECE_BYTES = 8 * 2 ** 20;

/** What the writes to one image may add up to. */
const OVERLAY_MIB = 32;

/** The images that one kernel can have, and what opening them holds. */
export interface KernelImages {
  /** The image of this name, of several disks in it the one chosen; what it caches counts in `room`. Rejects with `image-not-found`. */
  image(name: string, choice: DiskChoice): Promise<ImageDevice>;
  /** Memory for its disks: caches, what is written, and images that came in a request. Default: as much as their own limits allow. */
  readonly room?: Room | undefined;
  /** Called when its kernel is dead, and for good: a disk of it that reads ahead then gets nothing. Absent: nothing is held. */
  release?(): void;
}

export interface SetupNeeds {
  newKernel(options: {
    readonly host: Host;
    readonly clock: ClockPolicy;
    readonly memoryMib: number;
    readonly programMib?: number;
  }): Promise<Kernel>;
  /** For each kernel anew. */
  openImages(): KernelImages;
  readonly host: Host;
  /** What opening encrypted volumes may cost. */
  readonly derive?: Companions['derive'];
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
  /** As the kernel has them, those that belong to others included. */
  readonly disks: readonly AttachedDisk[];
  /** It may hold keys of encrypted volumes: nothing of its memory may be stored. */
  readonly holdsKeys?: boolean;
}

/** Kill the kernel when done with it. `unlock` opens encrypted volumes; nobody else remembers it. */
export async function prepareKernel(
  request: KernelRequest,
  needs: SetupNeeds,
  unlock: Unlock = {},
): Promise<PreparedKernel> {
  const settings = [
    ...wordsOf(request.commandLine).map(settingOf),
    ...Object.entries(request.sysctl).map(([key, value]) => sysctl(`sysctl ${key}`, key, value)),
  ];
  const { seed, clock, memoryMib, programMib } = request;
  const count = request.disks.flatMap(withCompanions).length;
  if (count > MAX_DISKS)
    throw new HostError('invalid-request', `mounts: ${count} disks with \`also\` and \`header\`, ${MAX_DISKS} at most`);
  const host = seed === undefined ? needs.host : seededHost(needs.host, seed);
  const images = needs.openImages();
  const release = () => images.release?.();
  const making = devicesOf(request.disks, needs, images).then(async (disks) => ({
    disks,
    kernel: await needs.newKernel({ host, clock, memoryMib, ...(programMib !== undefined && { programMib }) }),
  }));
  const { disks, kernel } = await making.catch((cause: unknown) => {
    release();
    throw cause;
  });
  kernel.engine.onDeath(release);
  try {
    const holdsKeys = await attachAll(kernel, request.disks, disks, { unlock, derive: needs.derive });
    for (const setting of settings) await applySetting(kernel.init, setting);
    if (request.loopback) await loopbackUp(kernel.init);
    return { kernel, disks, holdsKeys };
  } catch (cause) {
    kernel.kill();
    throw cause;
  }
}

/** What the disks asked for are made of, with nothing written yet. */
export const devicesOf = (
  requests: readonly DiskRequest[],
  { flushed: flush }: Pick<SetupNeeds, 'flushed'>,
  images: KernelImages,
): Promise<AttachedDisk[]> =>
  Promise.all(
    requests.flatMap(withCompanions).map(async (request) => {
      const { device, etag } = await imageOf(request, images);
      // As every mount sees it: as long as it says that it is, in blocks of its own table, that table mended.
      const lower = (await presented(partOf(device, request))).device;
      if (request.readOnly) return { request, upper: undefined, device: readOnly(lower), etag };
      const upper = overlay(lower, { limitMib: OVERLAY_MIB, room: images.room });
      const { read, write, discard } = upper;
      return { request, upper, device: flush ? { ...sizeOf(upper), read, write, discard, flush } : upper, etag };
    }),
  );

/** The request itself, and one for each image that belongs to it. */
export const withCompanions = (request: DiskRequest): readonly DiskRequest[] => [
  request,
  ...(request.also ?? []).map((image) => ({ image, readOnly: request.readOnly })),
  ...(request.header === undefined ? [] : [{ image: request.header, format: 'raw', readOnly: true }]),
];

async function imageOf(
  { image, base64, format, member, snapshot }: DiskRequest,
  images: KernelImages,
): Promise<{ readonly device: BlockDevice; readonly etag: string | undefined }> {
  const choice = { format, member, snapshot };
  if (image !== undefined) return images.image(image, choice);
  const bytes = fromBase64(base64 ?? '');
  if (bytes === undefined || bytes.length < SECTOR) {
    throw new HostError('invalid-request', 'mounts: an inline image is base64 of at least one sector');
  }
  if (images.room?.tryTake(bytes.length) === false) throw new HostError('service-busy');
  return {
    device: (await openDisk(memorySource(bytes), { ...choice, maxPieceBytes: INLINE_PIECE_BYTES })).device,
    etag: undefined,
  };
}

const readOnly = (device: BlockDevice): BlockDevice => ({ ...sizeOf(device), read: device.read });

/** As many as a request may name. */
const MAX_DISKS = 16;

/** Plugs all in and mounts what is to be mounted; answers whether keys were used. */
async function attachAll(
  kernel: Kernel,
  requests: readonly DiskRequest[],
  disks: readonly AttachedDisk[],
  secrets: Pick<Companions, 'unlock' | 'derive'>,
): Promise<boolean> {
  let holdsKeys = false;
  let at = 0;
  for (const request of requests) {
    const count = withCompanions(request).length;
    const attached: AttachedImage[] = [];
    for (const { device } of disks.slice(at, at + count)) {
      attached.push({ device, disk: await kernel.attachDisk(device) });
    }
    at += count;
    if (request.at !== undefined && (await mountOne(kernel, { ...request, at: request.at }, attached, secrets)))
      holdsKeys = true;
  }
  return holdsKeys;
}

async function mountOne(
  kernel: Kernel,
  { also: _, header: hasHeader, ...request }: DiskRequest & { readonly at: string },
  [own, ...others]: readonly AttachedImage[],
  secrets: Pick<Companions, 'unlock' | 'derive'>,
): Promise<boolean> {
  if (own === undefined) throw new Error('a mount without a disk');
  await makeDirectories(kernel.init, new TextEncoder().encode(request.at));
  const header = hasHeader === undefined ? undefined : others.pop();
  const { holdsKeys, stacked } = await mountInto(kernel, own, request, { ...secrets, also: others, header });
  for (const { title, name } of stacked) await nameDevice(kernel.init, title, name);
  return holdsKeys;
}

/** As udev does, so that what lies beside what was mounted can be mounted by its name. */
async function nameDevice(task: UserTask, title: string, name: string): Promise<void> {
  if (!title.startsWith('/dev/') || title === `/dev/${name}`) return;
  await makeDirectories(task, new TextEncoder().encode(title.slice(0, title.lastIndexOf('/'))));
  await symlinkat(task, `/dev/${name}`, AT_FDCWD, title);
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
