/** Plays a mahimahi trace: at each delivery opportunity the link's token bucket is filled once, and asked to send. */

import { AF } from '../../abi/netlink/constants.ts';
import { changeQdisc } from '../../abi/netlink/tc.ts';
import { SOCK } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { mapBuffer } from '../../kernel/syscalls/memory.ts';
import { sendto, socket } from '../../kernel/syscalls/net.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import type { ProgramTask, Stage } from '../run/program.ts';
import type { TracedBucket } from './step.ts';

/** IEEE 802 local experimental Ethertype: nobody listens for it. */
const EXPERIMENTAL = 0x88b5;
/** How much longer than its burst a frame is that no bucket takes. */
const TOO_LONG = 8;

/**
 * tbf fills its bucket when its options are set, to the full and no further: what an opportunity leaves is lost, as in
 * mahimahi. It only looks at its queue when something is sent, though; a frame it cannot take, and drops, makes it look.
 */
export async function driveTrace(
  task: ProgramTask,
  stage: Stage,
  device: number,
  { deliveries, parent, handle, options }: TracedBucket,
): Promise<void> {
  const rtnl = await NetlinkSocket.open(task);
  const fd = must('socket', await socket(task, AF.PACKET, SOCK.RAW | SOCK.CLOEXEC, 0));
  const length = options.burst + TOO_LONG;
  const frame = await mapBuffer(task, length);
  const fill = [changeQdisc({ index: device, parent, handle }, options)];
  for (let round = 0; ; round++) {
    for (const ms of deliveries.opportunitiesMs) {
      await sleepUntil(task, stage.beganNs + (round * deliveries.periodMs + ms) * 1e6);
      await rtnl.send(fill);
      await sendto(task, fd, frame, length, 0, { device, protocol: EXPERIMENTAL });
    }
  }
}
