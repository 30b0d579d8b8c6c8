/** A block device of a kernel, open: what is read and written there by the kernel's own calls. */

import { AT_FDCWD, O_CLOEXEC, O_RDWR } from '../../abi/uapi/fs.ts';
import type { KernelDevice } from '../../image/stack/kernel-device.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close, fsync, openat, pread64, pwrite64 } from '../../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { gate } from '../../storage/gate.ts';

const BUFFER_BYTES = 128 * 1024;

/** Calls take turns, as they share a buffer. */
export class DeviceFile {
  readonly #kernel: Kernel;
  readonly #path: string;
  readonly #fd: number;
  readonly #buffer: UserBuffer;
  readonly #turn = gate(1);

  private constructor(kernel: Kernel, path: string, fd: number, buffer: UserBuffer) {
    this.#kernel = kernel;
    this.#path = path;
    this.#fd = fd;
    this.#buffer = buffer;
  }

  static async open(kernel: Kernel, { name }: KernelDevice): Promise<DeviceFile> {
    const path = `/dev/${name}`;
    const fd = must('openat', await openat(kernel.init, AT_FDCWD, path, O_RDWR | O_CLOEXEC), path);
    return new DeviceFile(kernel, path, fd, await mapBuffer(kernel.init, BUFFER_BYTES));
  }

  read(at: number, into: Uint8Array): Promise<void> {
    return this.#inTurn(into.length, async (done, bytes) => {
      const { init } = this.#kernel;
      const read = must('pread64', await pread64(init, this.#fd, this.#buffer, bytes, at + done), this.#path);
      into.set(init.memory.view(this.#buffer.at, read), done);
      return read;
    });
  }

  write(at: number, from: Uint8Array): Promise<void> {
    return this.#inTurn(from.length, async (done, bytes) => {
      const { init } = this.#kernel;
      init.memory.write(this.#buffer.at, from.subarray(done, done + bytes));
      return must('pwrite64', await pwrite64(init, this.#fd, this.#buffer, bytes, at + done), this.#path);
    });
  }

  flush(): Promise<void> {
    return this.#turn(async () => void must('fsync', await fsync(this.#kernel.init, this.#fd), this.#path));
  }

  close(): Promise<void> {
    return this.#turn(async () => {
      must('fsync', await fsync(this.#kernel.init, this.#fd), this.#path);
      await unmapBuffer(this.#kernel.init, this.#buffer);
      await close(this.#kernel.init, this.#fd);
    });
  }

  #inTurn(bytes: number, piece: (done: number, bytes: number) => Promise<number>): Promise<void> {
    return this.#turn(async () => {
      for (let done = 0; done < bytes; ) {
        const moved = await piece(done, Math.min(BUFFER_BYTES, bytes - done));
        if (moved === 0) throw new RangeError(`${this.#path} ends before byte ${bytes}`);
        done += moved;
      }
    });
  }
}
