/** Writes what passes the interfaces of our kernel, the loopback included, as pcapng: a packet(7) socket and a task that reads it. */

import { AF, ETH_P } from '../../abi/netlink/constants.ts';
import { SO, SOCK, SOL } from '../../abi/uapi/socket.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { bind, setsockopt, socket } from '../../kernel/syscalls/net.ts';
import { pcapHeader, pcapInterface, pcapPacket } from '../../simulation/measure/pcapng.ts';

const RECEIVE_BUFFER = 8 << 20;
const SNAPLEN = 65_536 + 256;
const SCRATCH_BYTES = SNAPLEN + 4096;
/** struct sockaddr_ll: the device at 4, the kind of packet at 10. */
const [DEVICE, KIND] = [4, 10] as const;
const ADDRESS_BYTES = 20;
const PACKET_OUTGOING = 4;
const MSG_TRUNC = 0x20;
const SIOCGIFNAME = 0x8910;

/** Begins; settles once every packet is seen. `nowNs`: of the world, for the times in the file. */
export async function capture(kernel: Kernel, nowNs: () => number, write: (bytes: Uint8Array) => void): Promise<void> {
  const task = await kernel.spawn(kernel.init, 0, SCRATCH_BYTES);
  const fd = must('socket', await socket(task, AF.PACKET, SOCK.RAW, 0));
  must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER));
  must('bind', await bind(task, fd, { device: 0, protocol: ETH_P.ALL }));
  write(pcapHeader('lkl'));
  /** By ifindex: its number in the file. */
  const devices = new Map<number, number>();
  const announced = async (device: number): Promise<number> => {
    const known = devices.get(device);
    if (known !== undefined) return known;
    task.memory.view(task.scratch, 40).fill(0);
    task.memory.setU32(plus(task.scratch, 16), device);
    const ret = await task.syscall('ioctl', fd, SIOCGIFNAME, task.scratch);
    const bytes = task.memory.copy(task.scratch, 16);
    const name = ret < 0 ? `if${device}` : Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString();
    write(pcapInterface({ name, snaplen: SNAPLEN }));
    devices.set(device, devices.size);
    return devices.size - 1;
  };
  const [length, address, data] = [task.scratch, plus(task.scratch, 64), plus(task.scratch, 4096)];
  const loop = async () => {
    for (;;) {
      task.memory.setU32(length, ADDRESS_BYTES);
      const got = await task.syscall('recvfrom', fd, data, SNAPLEN, MSG_TRUNC, address, length);
      if (got < 0) continue;
      const timeNs = nowNs();
      const outgoing = task.memory.u8(plus(address, KIND)) === PACKET_OUTGOING;
      const bytes = task.memory.copy(data, Math.min(got, SNAPLEN));
      const device = await announced(task.memory.i32(plus(address, DEVICE)));
      write(pcapPacket({ interface: device, timeNs, bytes, length: got, outgoing }));
    }
  };
  // It ends with the kernel.
  loop().catch(() => {});
}
