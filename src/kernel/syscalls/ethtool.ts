/** ethtool(8) -K by ioctl(2): the offloads of a network device, include/uapi/linux/ethtool.h. */

import { SIOCETHTOOL } from '../../abi/uapi/socket.ts';
import { plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { Scratch } from './scratch.ts';

/** ETHTOOL_S*: set one feature. */
const commands = { rx: 0x15, tx: 0x17, sg: 0x19, tso: 0x1f, gso: 0x24, gro: 0x2c } as const;
const IFNAMSIZ = 16;
/** struct ifreq of a 32-bit kernel. */
const IFREQ_BYTES = 32;

/** Turn an offload on or off; `socket` is any socket of the device's network namespace. Answers what Linux returns. */
export function setOffload(
  task: UserTask,
  socket: number,
  device: string,
  offload: keyof typeof commands,
  on: boolean,
): Promise<number> {
  const { memory } = task;
  const scratch = new Scratch(task, 'ioctl');
  const ifreq = scratch.room(IFREQ_BYTES);
  const value = scratch.room(8);
  memory.view(ifreq, IFREQ_BYTES).fill(0);
  memory.writeCstring(ifreq, new TextEncoder().encode(device).subarray(0, IFNAMSIZ - 1));
  memory.setU32(plus(ifreq, IFNAMSIZ), value);
  memory.setU32(value, commands[offload]);
  memory.setU32(plus(value, 4), on ? 1 : 0);
  return task.syscall('ioctl', socket, SIOCETHTOOL, ifreq);
}
