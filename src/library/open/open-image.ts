/** Opens a disk image: whatever holds it, whatever wraps it, mounted read-only in a Linux kernel of its own. */

import { exceptionOf } from '../../errors/exception.ts';
import { archiveReport } from '../../image/archive-report.ts';
import type { MountRequest, PartitionSelector, StackRequest } from '../../image/mounted-image.ts';
import type { Locked, Unlock } from '../../image/stack/keyring.ts';
import { nodeChunks } from '../../node/chunks.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { type OpenDiskOptions, type OpenedDisk, openDisk } from '../../storage/open-disk.ts';
import { type Engine, linuxOf } from '../engine.ts';
import { Image } from '../image.ts';
import { WritableImage } from '../write/image.ts';
import { openToWrite } from '../write/source.ts';
import { type ImageSource, type OpenedSource, openSource, type SourceOptions } from './source.ts';

export type { ImageSource, Locked };

export interface OpenImageOptions
  extends SourceOptions,
    Pick<OpenDiskOptions, 'format' | 'member' | 'snapshot' | 'files'> {
  /**
   * A number from 1, a label, a UUID, the name of what is stacked on partitions (`vg/root`, `/dev/md/data`), `whole`, or `root`:
   * the one with a root file system. Default: the whole image if a file system begins there, else the only volume with one; where
   * there are several, opening rejects with `ERR_SEVERAL_FILE_SYSTEMS`.
   */
  readonly partition?: PartitionSelector | undefined;
  /** A file system as in /proc/filesystems. Default: found out. */
  readonly type?: string | undefined;
  /** Mount options, as for mount -o. */
  readonly options?: string | undefined;
  /** Of a btrfs: a subvolume or snapshot, by path or number. */
  readonly subvolume?: string | number | undefined;
  /** More disks of the same machine: members of an array, a volume group, a btrfs. */
  readonly also?: readonly ImageSource[] | undefined;
  /** A detached header of LUKS. */
  readonly header?: ImageSource | undefined;
  /**
   * Opens encrypted volumes: text, the bytes of a key file, several of these, or a function that is asked for one volume after
   * another, up to three times each. Without it, or with a wrong one, opening rejects with `ERR_PASSPHRASE_NEEDED` or
   * `ERR_WRONG_PASSPHRASE`.
   */
  readonly passphrase?: Secret | readonly Secret[] | AskSecret | undefined;
  /** Where in the image the disk begins, in bytes, and how long it is. Default: all of it. */
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  /** Open what was cut short: what lies behind the end is EIO. Default: false, `ERR_IMAGE_CUT`. */
  readonly evenIfCut?: boolean | undefined;
  /**
   * Write the image where it lies, and those in `also`: a file or a block device by its path, which nobody else of ours writes meanwhile
   * (`ERR_IMAGE_IN_USE`), bytes in memory, or a source of your own with `write`; what cannot be written is
   * `ERR_READ_ONLY_DEVICE`. Through partitions, LUKS, LVM, MD and qcow2 too. Default: false, nothing is ever written.
   */
  readonly writable?: boolean | undefined;
  /** Memory for what was read of a URL, in MiB. Default: 16. */
  readonly cacheMib?: number | undefined;
  /** The engine to run on. Default: one that the whole process shares. */
  readonly engine?: Engine | undefined;
}

export type Secret = string | Uint8Array;

/** Undefined: there is none. */
export type AskSecret = (volume: Locked) => Secret | undefined | Promise<Secret | undefined>;

const CACHE_MIB = 16;

/**
 * Mounts the image; unless it is `writable` it is not written to, a journal is replayed in memory. Rejects with the error of open(2) for a path; with a
 * LinuxException whose `code` says why it is no image (`ERR_NO_FILE_SYSTEM`, `ERR_SEVERAL_FILE_SYSTEMS`, `ERR_MOUNT_FAILED` …).
 *
 * @example
 * ```ts
 * await using image = await openImage('disk.img', { partition: 'root' });
 * console.log(await image.readFile('/etc/os-release', 'utf8'));
 * ```
 */
export function openImage(
  image: ImageSource,
  options: OpenImageOptions & { readonly writable: true },
): Promise<WritableImage>;
export function openImage(image: ImageSource, options?: OpenImageOptions): Promise<Image>;
export async function openImage(image: ImageSource, options: OpenImageOptions = {}): Promise<Image> {
  const opened: OpenedSource[] = [];
  const open = async (source: ImageSource, isWritable = false): Promise<OpenedSource> => {
    const one = await (isWritable ? openToWrite(source) : openSource(source, options));
    opened.push(one);
    return one;
  };
  const close = async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  };
  try {
    const first = await open(image, options.writable);
    const also: BlockDevice[] = [];
    for (const source of options.also ?? [])
      also.push((await diskOf(await open(source, options.writable), {}, options)).device);
    const header =
      options.header === undefined
        ? undefined
        : (await diskOf(await open(options.header), { format: 'raw' }, options)).device;
    return await mounted(first, { also, header, unlock: unlockOf(options.passphrase) }, options, close);
  } catch (cause) {
    await close();
    return rethrown(cause);
  }
}

export function unlockOf(passphrase: OpenImageOptions['passphrase']): Unlock {
  if (passphrase === undefined) return {};
  if (typeof passphrase === 'function') {
    return {
      async ask(volume) {
        const secret = await passphrase(volume);
        return secret === undefined ? undefined : bytesOfSecret(secret);
      },
    };
  }
  const secrets: readonly Secret[] =
    typeof passphrase === 'string' || passphrase instanceof Uint8Array ? [passphrase] : passphrase;
  return { secrets: secrets.map(bytesOfSecret) };
}

const bytesOfSecret = (secret: Secret): Uint8Array =>
  typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;

/** What wraps it taken off. */
async function diskOf(
  { source, isSlow, files, unpack }: OpenedSource,
  wanted: OpenDiskOptions,
  { cacheMib = CACHE_MIB, files: given }: OpenImageOptions,
): Promise<Pick<OpenedDisk, 'device' | 'layers' | 'archive'>> {
  if ('sectors' in source) return { device: source, layers: [] };
  const cache = isSlow ? cacheMib : undefined;
  return openDisk(source, { ...wanted, files: given ?? files, unpack, chunks: nodeChunks, cacheMib: cache });
}

async function mounted(
  opened: OpenedSource,
  stack: StackRequest,
  options: OpenImageOptions,
  closeSources: () => Promise<void>,
): Promise<Image> {
  const { engine, partition, type, evenIfCut, offset, size, subvolume, format, member, snapshot } = options;
  const linux = await linuxOf(engine);
  const { device, layers, archive } = await diskOf(opened, { format, member, snapshot, offset, size }, options);
  const ofDevice = 'sectors' in opened.source ? { offsetBytes: offset, sizeBytes: size } : {};
  const request: MountRequest = {
    ...stack,
    partition,
    type,
    options: options.options,
    evenIfCut,
    ...(subvolume !== undefined && { subvolume: `${subvolume}` }),
    ...ofDevice,
  };
  const writable = options.writable ? await linux.openWritableTree(device, request) : undefined;
  const tree = writable ?? (await linux.openTree(device, request));
  let closing: Promise<void> | undefined;
  const whole = {
    info: async () => ({ ...archiveReport(await linux.inspect(device, stack), archive), layers }),
    close() {
      closing ??= tree.close().finally(closeSources);
      return closing;
    },
  };
  return writable ? new WritableImage({ ...whole, mounted: writable }) : new Image({ ...whole, mounted: tree });
}

function rethrown(cause: unknown): never {
  throw exceptionOf(cause);
}
