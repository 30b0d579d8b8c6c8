/** Sockets whose close(2) would wait until what was sent has arrived (SO_LINGER). */

import { SO, SOL } from '../../../abi/uapi/socket.ts';
import { plus } from '../../../kernel/memory.ts';
import type { KernelsTask } from '../program/kernel.ts';

/** struct linger: whether, and for how many seconds. */
const LINGER_BYTES = 8;

/**
 * A file is closed here when its last descriptor is gone, and calls of all programs wait for that, of the one too that is to receive what was sent. So it
 * goes on its way alone, as without the option. No seconds at all mean a reset, which does not wait.
 */
export async function letGo(init: KernelsTask, fd: number): Promise<void> {
  const { memory, scratch } = init;
  const lengthAt = plus(scratch, LINGER_BYTES);
  memory.setU32(lengthAt, LINGER_BYTES);
  if ((await init.syscall('getsockopt', fd, SOL.SOCKET, SO.LINGER, scratch, lengthAt)) < 0) return;
  if (memory.u32(scratch) === 0 || memory.u32(plus(scratch, 4)) === 0) return;
  memory.setU32(scratch, 0);
  await init.syscall('setsockopt', fd, SOL.SOCKET, SO.LINGER, scratch, LINGER_BYTES);
}
