/**
 * FAT gives each long name a short one too, and Linux makes that of the clock where many names begin alike (fs/fat/namei_vfat.c,
 * vfat_create_shortname): where time stands still each file tries all that those before it have, and reads the folder for each.
 */

import { CLOCK } from '../../abi/uapi/socket.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { Name } from '../../kernel/syscalls/scratch.ts';
import { clockGettime, sleepNs } from '../../kernel/syscalls/time.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** <linux/magic.h>. */
const MSDOS_SUPER_MAGIC = 0x4d44;
/** Of our kernels: a jiffy. */
const TICK_NS = 1_000_000n;

/** No file is made in less time; a virtual clock goes on by one nanosecond each time that it is looked at. */
const LEAST_NS = 2000;

export class ShortNames {
  readonly #task: UserTask;
  #last: number | undefined;

  private constructor(task: UserTask) {
    this.#task = task;
  }

  /** Undefined: the file system at `root` has no such names. */
  static async of(task: UserTask, root: Name): Promise<ShortNames | undefined> {
    const { type } = await statfs64(task, root);
    return type >>> 0 === MSDOS_SUPER_MAGIC ? new ShortNames(task) : undefined;
  }

  /** Before a name is made. A virtual clock passes only while its tasks sleep, which takes no time; one of the host's passes anyway. */
  async next(): Promise<void> {
    const now = await this.#now();
    const stands = this.#last !== undefined && now - this.#last < LEAST_NS;
    if (stands) await sleepNs(this.#task, TICK_NS);
    this.#last = stands ? await this.#now() : now;
  }

  async #now(): Promise<number> {
    const { seconds, ns } = await clockGettime(this.#task, CLOCK.MONOTONIC);
    return seconds * 1e9 + ns;
  }
}
