/** Opens a disk image: whatever holds it, whatever wraps it, mounted read-only in a Linux kernel of its own. */

import { exceptionOf } from '../errors/exception.ts';
import type { MountRequest, PartitionSelector } from '../image/mounted-image.ts';
import { type OpenDiskOptions, openDisk } from '../storage/open-disk.ts';
import { type Engine, linuxOf } from './engine.ts';
import { Image } from './image.ts';
import { type ImageSource, type OpenedSource, openSource, type SourceOptions } from './source.ts';
import { WritableImage } from './write/image.ts';
import { openToWrite } from './write/source.ts';

export type { ImageSource };

export interface OpenImageOptions
  extends SourceOptions,
    Pick<OpenDiskOptions, 'format' | 'member' | 'snapshot' | 'files'> {
  /**
   * A number from 1, a label, a UUID, `whole`, or `root`: the partition with a root file system. Default: the whole image if a
   * file system begins there, else the only partition with one; where there are several, opening rejects with
   * `ERR_SEVERAL_FILE_SYSTEMS`.
   */
  readonly partition?: PartitionSelector | undefined;
  /** A file system as in /proc/filesystems. Default: found out. */
  readonly type?: string | undefined;
  /** Mount options, as for mount -o. */
  readonly options?: string | undefined;
  /** Where in the image the disk begins, in bytes, and how long it is. Default: all of it. */
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  /** Open what was cut short: what lies behind the end is EIO. Default: false, `ERR_IMAGE_CUT`. */
  readonly evenIfCut?: boolean | undefined;
  /**
   * Write the image where it lies: a file or a block device in raw format by its path, which nobody else of ours writes meanwhile
   * (`ERR_IMAGE_IN_USE`), bytes in memory, or a source of your own with `write`. Default: false, nothing is ever written.
   */
  readonly writable?: boolean | undefined;
  /** Memory for what was read of a URL, in MiB. Default: 16. */
  readonly cacheMib?: number | undefined;
  /** The engine to run on. Default: one that the whole process shares. */
  readonly engine?: Engine | undefined;
}

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
  const { writable = false } = options;
  const source = await (writable ? openToWrite(image) : openSource(image, options)).catch(rethrown);
  try {
    return await mounted(source, options);
  } catch (cause) {
    await source.close();
    return rethrown(cause);
  }
}

async function mounted(opened: OpenedSource, options: OpenImageOptions): Promise<Image> {
  const { engine, cacheMib = CACHE_MIB, ...wanted } = options;
  const linux = await linuxOf(engine);
  const { source, isSlow, files, unpack } = opened;
  const { device, layers } =
    'sectors' in source
      ? { device: source, layers: [] }
      : await openDisk(source, {
          ...wanted,
          files: options.files ?? files,
          unpack,
          cacheMib: isSlow ? cacheMib : undefined,
        });
  const { partition, type, evenIfCut, offset, size } = options;
  const ofDevice = 'sectors' in source ? { offsetBytes: offset, sizeBytes: size } : {};
  const request: MountRequest = { partition, type, options: options.options, evenIfCut, ...ofDevice };
  const writable = options.writable ? await linux.openWritableTree(device, request) : undefined;
  const tree = writable ?? (await linux.openTree(device, request));
  let closing: Promise<void> | undefined;
  const whole = {
    info: async () => ({ ...(await linux.inspect(device)), layers }),
    close() {
      closing ??= tree.close().finally(() => opened.close());
      return closing;
    },
  };
  return writable ? new WritableImage({ ...whole, mounted: writable }) : new Image({ ...whole, mounted: tree });
}

function rethrown(cause: unknown): never {
  throw exceptionOf(cause);
}
