/** Groups that a router passes on: the kernel's multicast routing, told as a routing daemon tells it (linux/mroute.h). */

import { IPPROTO_IGMP, MRT, VIFF_USE_IFINDEX } from '../../abi/uapi/mroute.ts';
import { SOCK } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { setsockopt, socket } from '../../kernel/syscalls/net.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { MulticastRoutePlan } from '../plan/host-plan.ts';
import { asked } from '../run/refused.ts';

const AF_INET = 2;
/** MAXVIFS */
const MOST_VIFS = 32;

/** The task must be in the router's namespace. The socket stays open: routes live as long as it does. */
export async function routeMulticast(task: UserTask, routes: readonly MulticastRoutePlan[]): Promise<void> {
  const fd = must('socket', await socket(task, AF_INET, SOCK.RAW | SOCK.CLOEXEC, IPPROTO_IGMP));
  must('setsockopt', await setsockopt(task, fd, 0, MRT.INIT, 1));
  const vifs = new Map<number, number>();
  for (const { place, source, group, from, to } of routes) {
    const telling = (async () => {
      for (const device of [from, ...to]) {
        if (vifs.has(device)) continue;
        vifs.set(device, vifs.size);
        must(
          'setsockopt',
          await setsockopt(task, fd, 0, MRT.ADD_VIF, vif(vifs.get(device) ?? 0, device)),
          'MRT_ADD_VIF',
        );
      }
      const out = to.map((device) => vifs.get(device) ?? 0);
      must(
        'setsockopt',
        await setsockopt(task, fd, 0, MRT.ADD_MFC, mfc(source, group, vifs.get(from) ?? 0, out)),
        'MRT_ADD_MFC',
      );
    })();
    await asked(place, telling);
  }
}

/** struct vifctl: number, flags, threshold, rate limit, ifindex, no other end. */
function vif(number: number, device: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, number, true);
  view.setUint8(2, VIFF_USE_IFINDEX);
  view.setUint8(3, 1);
  view.setInt32(8, device, true);
  return bytes;
}

/** struct mfcctl: origin, group, where it comes in, and the least ttl with which it goes out by each. */
function mfc(source: Uint8Array, group: Uint8Array, parent: number, out: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set(source, 0);
  bytes.set(group, 4);
  new DataView(bytes.buffer).setUint16(8, parent, true);
  for (const number of out) if (number < MOST_VIFS) bytes[10 + number] = 1;
  return bytes;
}
