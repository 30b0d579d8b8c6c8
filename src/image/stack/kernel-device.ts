/** A block device of the kernel by its number, and its bytes as the kernel reads them. */

import { errnos } from '../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from '../../abi/uapi/fs.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close, openat, pread64 } from '../../kernel/syscalls/file.ts';
import { mapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { readText } from '../../kernel/sysfs.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { SECTOR } from '../../storage/block-device.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';

export interface KernelDevice {
  /** Under /dev and /sys/class/block: `vda1`, `dm-0`, `md127`. */
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly sectors: number;
}

/** As tables of the device mapper have it. */
export const numberOf = ({ major, minor }: KernelDevice): string => `${major}:${minor}`;

/** Partitions have had their nodes made with their disk. */
const IS_PARTITION = /^(vd[a-z]+|md\d+p)\d+$/;

/** Makes its node where there is none. */
export async function kernelDevice(kernel: Kernel, task: UserTask, name: string): Promise<KernelDevice> {
  if (!IS_PARTITION.test(name)) await kernel.makeBlockNodes(name);
  const folder = `/sys/class/block/${name}`;
  const [major = 0, minor = 0] = (await readText(task, `${folder}/dev`)).split(':').map(Number);
  return { name, major, minor, sectors: Number(await readText(task, `${folder}/size`)) };
}

interface OpenDevice {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly allOrError: boolean;
}

const BUFFER_BYTES = 64 * 1024;
const PAGE_BYTES = 4096;

/** Reads of several devices take turns: they share the buffer. */
export class DeviceReader {
  readonly #task: UserTask;
  #buffer: UserBuffer | undefined;
  readonly #opened: number[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(task: UserTask) {
    this.#task = task;
  }

  /**
   * Zeros where the kernel finds that what is there is not what was written (dm-integrity): nothing is recognised there. An
   * image that cannot be read is an error all the same. With \`allOrError\` that is, too: for keys, of which a part is none.
   */
  async bytesOf(
    { name, sectors }: KernelDevice,
    { allOrError = false } = {},
  ): Promise<VolumeBytes & { readonly fd: number }> {
    const path = `/dev/${name}`;
    const fd = must('openat', await openat(this.#task, AT_FDCWD, path, O_RDONLY | O_CLOEXEC), path);
    this.#opened.push(fd);
    const sizeBytes = sectors * SECTOR;
    return {
      fd,
      sizeBytes,
      read: (at, length) => {
        const file = { fd, path, sizeBytes, allOrError };
        const result = this.#last.then(() => this.#read(file, at, length));
        this.#last = result.catch(() => {});
        return result;
      },
    };
  }

  /** None of its devices is in use by it any more. */
  async close(): Promise<void> {
    for (const fd of this.#opened.splice(0)) await close(this.#task, fd);
  }

  async #read(file: OpenDevice, at: number, length: number): Promise<Uint8Array> {
    const { fd, path, sizeBytes, allOrError } = file;
    const wanted = new Uint8Array(length);
    if (!Number.isSafeInteger(at) || at < 0) return wanted;
    this.#buffer ??= await mapBuffer(this.#task, BUFFER_BYTES);
    const end = Math.min(at + length, sizeBytes);
    for (let done = at; done < end; ) {
      const piece = Math.min(end - done, BUFFER_BYTES);
      const bytes = await pread64(this.#task, fd, this.#buffer, piece, done);
      if (bytes === 0) break;
      if (allOrError) must('pread64', bytes, path);
      if (bytes === -errnos.EIO.number && piece > PAGE_BYTES) {
        // One of its pages cannot be read: the others can.
        const page = PAGE_BYTES - (done % PAGE_BYTES);
        wanted.set(await this.#read(file, done, page), done - at);
        done += page;
      } else if (bytes === -errnos.EIO.number) done += piece;
      else {
        wanted.set(this.#task.memory.view(this.#buffer.at, must('pread64', bytes, path)), done - at);
        done += bytes;
      }
    }
    return wanted;
  }
}
