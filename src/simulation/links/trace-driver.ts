/** Plays a mahimahi trace: at each delivery opportunity the link's token bucket gets what may pass then, and is asked to send. */

import { AF, NETLINK, RTM, TCA } from '../../abi/netlink/constants.ts';
import { frame, parseMessages, parseResult } from '../../abi/netlink/message.ts';
import type { TbfOptions } from '../../abi/netlink/qdisc-options.ts';
import { changeQdisc, getQdisc, quietly } from '../../abi/netlink/tc.ts';
import { SOCK } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { mapBuffer } from '../../kernel/syscalls/memory.ts';
import { sendto, socket } from '../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import type { ProgramTask, Stage } from '../run/program.ts';
import type { DeliveryTrace } from './mahimahi.ts';
import type { TracedBucket } from './step.ts';

/** IEEE 802 local experimental Ethertype: nobody listens for it. */
const EXPERIMENTAL = 0x88b5;
/** How much longer than its peak burst a frame is that no bucket takes. */
const TOO_LONG = 8;
/** A peak rate beyond any clock, in bytes a second: it only says how long a frame may be, however much the bucket holds. */
const ANY_RATE = 1e13;
/** Room for one message about a qdisc. */
const ANSWER_BYTES = 4096;

/**
 * tbf fills its bucket when its options are set, and looks at its queue when something is sent: a frame that it cannot
 * take, and drops, makes it look. What waits decides how much it is given, so that nothing of an opportunity is left
 * for a packet that comes after it; where nothing waits, nothing is done.
 */
export async function driveTrace(task: ProgramTask, stage: Stage, traced: readonly Traced[]): Promise<void> {
  const kick = must('socket', await socket(task, AF.PACKET, SOCK.RAW | SOCK.CLOEXEC, 0));
  const frameBytes = Math.max(...traced.map(({ bucket }) => bucket.options.burst)) + TOO_LONG;
  const longFrame = await mapBuffer(task, frameBytes);
  const rtnl = await QuietNetlink.open(task);
  const gates = traced.map((one) => new Gate(one));
  const schedule = [...new Set(gates.flatMap(({ counts }) => [...counts.keys()]))].sort((a, b) => a - b);
  const periodMs = traced[0]?.bucket.deliveries.periodMs ?? 1;
  for (let round = 0; ; round++) {
    for (const ms of schedule) {
      await sleepUntil(task, stage.beganNs + (round * periodMs + ms) * 1e6);
      for (const gate of gates) {
        const opportunities = gate.counts.get(ms);
        if (opportunities === undefined) continue;
        const { qlen, backlog } = await rtnl.backlog(gate.ask);
        if (qlen === 0) continue;
        await rtnl.tell(gate.fill(opportunities, qlen, backlog));
        await sendto(task, kick, longFrame, frameBytes, 0, { device: gate.device, protocol: EXPERIMENTAL });
      }
    }
  }
}

/** A direction with a trace, and the device that sends into it. Several that one task plays have rounds of one length. */
export interface Traced {
  readonly device: number;
  readonly bucket: TracedBucket;
}

/** One of them, with the messages that open it. */
class Gate {
  readonly device: number;
  /** Opportunities of each millisecond of a round that has any. */
  readonly counts: ReadonlyMap<number, number>;
  /** Asks what waits. */
  readonly ask: Uint8Array;
  readonly #traced: Traced;
  readonly #fills = new Map<string, Uint8Array>();

  constructor(traced: Traced) {
    this.#traced = traced;
    this.device = traced.device;
    this.counts = countsOf(traced.bucket.deliveries);
    this.ask = frame(getQdisc(this.#place), 0);
  }

  get #place() {
    const { device, bucket } = this.#traced;
    return { index: device, parent: bucket.parent, handle: bucket.handle };
  }

  /** Lets all pass that waits, each packet for as much as a whole one, or as much as the opportunities deliver. */
  fill(opportunities: number, qlen: number, backlog: number): Uint8Array {
    const { options } = this.#traced.bucket;
    const allGoes = backlog <= opportunities * options.burst;
    const [frames, atLeast] = allGoes ? [qlen, options.burst] : [opportunities, 0];
    const key = `${frames} ${atLeast}`;
    const known = this.#fills.get(key);
    const message = known ?? frame(quietly(changeQdisc(this.#place, bucketOf(options, frames, atLeast))), 0);
    this.#fills.set(key, message);
    return message;
  }
}

/** A bucket of so many whole frames, of which each packet takes `atLeast` bytes. */
const bucketOf = (options: TbfOptions, frames: number, atLeast: number): TbfOptions => ({
  ...options,
  burst: frames * options.burst,
  peakRate: ANY_RATE,
  peakBurst: options.burst,
  mpu: atLeast,
});

function countsOf({ opportunitiesMs }: DeliveryTrace): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const ms of opportunitiesMs) counts.set(ms, (counts.get(ms) ?? 0) + 1);
  return counts;
}

/** The kernel's words for why it did not do the message before. */
function refusalOf(answer: Uint8Array): string {
  const [first] = parseMessages(answer);
  const { error, message = '' } = first ? parseResult(first) : { error: 0 };
  return `a trace's bucket could not be filled: ${error} ${message}`;
}

/** struct nlmsghdr, struct tcmsg, and the attributes after them; of TCA_STATS, struct tc_stats behind its header. */
const TYPE_AT = 4;
const ATTRIBUTES_AT = 16 + 20;
const QLEN_AT = 4 + 28;

/** A netlink socket for a few messages that are sent over and over: nothing is answered but what is asked for. */
class QuietNetlink {
  readonly #task: ProgramTask;
  readonly #fd: number;
  readonly #buffer: UserBuffer;

  private constructor(task: ProgramTask, fd: number, buffer: UserBuffer) {
    this.#task = task;
    this.#fd = fd;
    this.#buffer = buffer;
  }

  static async open(task: ProgramTask): Promise<QuietNetlink> {
    const fd = must('socket', await socket(task, AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC, NETLINK.ROUTE));
    return new QuietNetlink(task, fd, await mapBuffer(task, 2 * ANSWER_BYTES));
  }

  async tell(message: Uint8Array): Promise<void> {
    this.#task.memory.write(this.#buffer.at, message);
    must('sendto', await this.#task.syscall('sendto', this.#fd, this.#buffer.at, message.length, 0, 0, 0));
  }

  /** What waits at the qdisc that the message asks for. */
  async backlog(message: Uint8Array): Promise<{ readonly qlen: number; readonly backlog: number }> {
    await this.tell(message);
    const at = plus(this.#buffer.at, ANSWER_BYTES);
    const length = must('recvfrom', await this.#task.syscall('recvfrom', this.#fd, at, ANSWER_BYTES, 0, 0, 0));
    const { memory } = this.#task;
    if (memory.u16(plus(at, TYPE_AT)) !== RTM.NEWQDISC) throw new Error(refusalOf(memory.copy(at, length)));
    for (let offset = ATTRIBUTES_AT; offset < length; ) {
      const attribute = plus(at, offset);
      if (memory.u16(plus(attribute, 2)) === TCA.STATS)
        return { qlen: memory.u32(plus(attribute, QLEN_AT)), backlog: memory.u32(plus(attribute, QLEN_AT + 4)) };
      offset += (memory.u16(attribute) + 3) & ~3;
    }
    throw new Error('no statistics of a qdisc');
  }
}
