/** Plays a mahimahi trace: at each delivery opportunity the link's token bucket gets what may pass then, and is asked to send. */

import { AF, NETLINK, RTM, TCA } from '../../../abi/netlink/constants.ts';
import { frame, parseMessages, parseResult } from '../../../abi/netlink/message.ts';
import type { TbfOptions } from '../../../abi/netlink/tc/qdisc-options.ts';
import { changeQdisc, getQdisc, quietly } from '../../../abi/netlink/tc/tc.ts';
import { SOCK } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { plus } from '../../../kernel/memory.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { socket } from '../../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { ProgramTask, Stage } from '../../run/programs/program.ts';
import type { TracedBucket } from '../tc/step.ts';
import { bell, bellOf } from './gate.ts';
import type { DeliveryTrace } from './mahimahi.ts';

/** A peak rate beyond any clock, in bytes a second: it only says how long a frame may be, however much the bucket holds. */
const ANY_RATE = 1e13;
/** Room for one message about a qdisc. */
const ANSWER_BYTES = 4096;
/** Messages that are sent together. */
const TOLD_BYTES = 4096;
/** Questions whose answers fit the buffer of a netlink socket together. */
const ASKED_AT_ONCE = 16;

/**
 * tbf fills its bucket when its options are set, and looks at its queue when its device is told to (gate.ts). What waits
 * decides how much it is given, so that nothing of an opportunity is left for a packet that comes after it, and what a packet
 * that waits had no room in goes with it at the next one; where nothing waits, nothing is done. `steady`: no event empties a queue.
 */
export async function driveTrace(
  task: ProgramTask,
  stage: Stage,
  traced: readonly Traced[],
  steady: boolean,
): Promise<void> {
  const rtnl = await QuietNetlink.open(task);
  const gates = traced.map((one) => new Gate(one, steady));
  const schedule = [...new Set(gates.flatMap(({ counts }) => [...counts.keys()]))].sort((a, b) => a - b);
  const periodMs = traced[0]?.bucket.deliveries.periodMs ?? 1;
  for (let round = 0; ; round++) {
    for (const ms of schedule) {
      await sleepUntil(task, stage.beganNs + (round * periodMs + ms) * 1e6);
      const due = gates.filter(({ counts }) => counts.has(ms));
      const unknown = due.filter((gate) => !gate.isBeyond(gate.counts.get(ms) ?? 0));
      for (let from = 0; from < unknown.length; from += ASKED_AT_ONCE) {
        const some = unknown.slice(from, from + ASKED_AT_ONCE);
        await rtnl.tell(some.map(({ ask }) => ask));
        for (const gate of some) gate.heard(await rtnl.backlog());
      }
      const fills = due.flatMap((gate) => gate.open(gate.counts.get(ms) ?? 0));
      if (fills.length > 0) await rtnl.tell(fills);
    }
  }
}

/** A direction with a trace, and the device that sends into it. Several that one task plays have rounds of one length. */
export interface Traced {
  readonly device: number;
  readonly bucket: TracedBucket;
}

/** What waits at a bucket, or the least that does. */
interface Waiting {
  readonly packets: number;
  readonly bytes: number;
}
const nothing: Waiting = { packets: 0, bytes: 0 };
/** The same, and how many bytes have left it so far. */
interface Backlog extends Waiting {
  readonly sentBytes: number;
}

/** A bucket has room for a VLAN's tag, which most frames have not. */
const TAG_BYTES = 4;
/** Where packets of several lengths wait, an opportunity rarely ends with one of them: so often it is then asked what was left. */
const ASKED_AGAIN = 64;

/** One of them, with the messages that open it. */
class Gate {
  /** Opportunities of each millisecond of a round that has any. */
  readonly counts: ReadonlyMap<number, number>;
  /** Asks what waits. */
  readonly ask: Uint8Array;
  #waiting = nothing;
  /** How many bytes had left, and might leave, when it was opened for less than waited; undefined: it was for all. */
  #opened: { readonly sentBytes: number; readonly mayBytes: number } | undefined;
  #sentBytes = 0;
  /** Of opportunities that are over: too little for the packet that was next, and so a part of it. */
  #leftBytes = 0;
  #mixedFor = 0;
  readonly #traced: Traced;
  readonly #isKept: boolean;
  readonly #bell: Uint8Array;
  readonly #fills = new Map<string, Uint8Array>();

  constructor(traced: Traced, steady: boolean) {
    this.#traced = traced;
    this.#isKept = steady && traced.bucket.isFifo;
    this.counts = countsOf(traced.bucket.deliveries);
    this.ask = frame(getQdisc(this.#place), 0);
    this.#bell = frame(quietly(changeQdisc(bellOf(traced.device), bell)), 0);
  }

  get #place() {
    const { device, bucket } = this.#traced;
    return { index: device, parent: bucket.parent, handle: bucket.handle };
  }

  /** More waits for sure than so many opportunities deliver: what it is exactly makes no difference. */
  isBeyond(opportunities: number): boolean {
    return this.#mixedFor === 0 && this.#waiting.bytes > opportunities * this.#traced.bucket.options.burst;
  }

  /** What waits now. */
  heard({ packets, bytes, sentBytes }: Backlog): void {
    this.#waiting = { packets, bytes };
    const { mayBytes } = this.#opened ?? { mayBytes: 0 };
    const unused = this.#opened ? mayBytes - (sentBytes - this.#opened.sentBytes) : 0;
    // A whole packet would have gone.
    this.#leftBytes = packets > 0 ? Math.max(0, Math.min(unused, this.#traced.bucket.options.burst - 1)) : 0;
    this.#mixedFor = this.#leftBytes > 0 ? ASKED_AGAIN : Math.max(0, this.#mixedFor - 1);
    this.#sentBytes = sentBytes;
    this.#opened = undefined;
  }

  /**
   * Lets all pass that waits, each packet for as much as a whole one, or as much as the opportunities deliver. The bell
   * comes first: it rings when the message after it has been done, as then softirqs are let in again.
   */
  open(opportunities: number): readonly Uint8Array[] {
    const { options } = this.#traced.bucket;
    const { packets, bytes } = this.#waiting;
    if (packets === 0) return [];
    const more = opportunities * options.burst;
    const most = more + this.#leftBytes;
    const isAll = bytes <= most;
    const [room, atLeast] = isAll ? [packets * options.burst, options.burst] : [most, 0];
    const { sentBytes, mayBytes } = this.#opened ?? { sentBytes: this.#sentBytes, mayBytes: this.#leftBytes };
    this.#opened = isAll ? undefined : { sentBytes, mayBytes: mayBytes + more - opportunities * TAG_BYTES };
    this.#leftBytes = 0;
    // Of a fifo nothing else takes packets. How many are left is not known, but some are where bytes are.
    const left = this.#isKept ? bytes - most : 0;
    this.#waiting = left > 0 ? { packets: 1, bytes: left } : nothing;
    const key = `${room} ${atLeast}`;
    const known = this.#fills.get(key);
    const message = known ?? frame(quietly(changeQdisc(this.#place, bucketOf(options, room, atLeast))), 0);
    this.#fills.set(key, message);
    return [this.#bell, message];
  }
}

/** A bucket of so many bytes, of which each packet takes `atLeast`. */
const bucketOf = (options: TbfOptions, bytes: number, atLeast: number): TbfOptions => ({
  ...options,
  burst: bytes,
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
const [SENT_AT, QLEN_AT] = [4, 4 + 28] as const;

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
    return new QuietNetlink(task, fd, await mapBuffer(task, TOLD_BYTES + ANSWER_BYTES));
  }

  /** One after the other, each done when this is. */
  async tell(messages: readonly Uint8Array[]): Promise<void> {
    let length = 0;
    for (const message of messages) {
      if (length + message.length > TOLD_BYTES) {
        await this.#send(length);
        length = 0;
      }
      this.#task.memory.write(plus(this.#buffer.at, length), message);
      length += message.length;
    }
    await this.#send(length);
  }

  async #send(length: number): Promise<void> {
    must('sendto', await this.#task.syscall('sendto', this.#fd, this.#buffer.at, length, 0, 0, 0));
  }

  /** What waits at the next qdisc that was asked for. */
  async backlog(): Promise<Backlog> {
    const at = plus(this.#buffer.at, TOLD_BYTES);
    const length = must('recvfrom', await this.#task.syscall('recvfrom', this.#fd, at, ANSWER_BYTES, 0, 0, 0));
    const { memory } = this.#task;
    if (memory.u16(plus(at, TYPE_AT)) !== RTM.NEWQDISC) throw new Error(refusalOf(memory.copy(at, length)));
    for (let offset = ATTRIBUTES_AT; offset < length; ) {
      const attribute = plus(at, offset);
      if (memory.u16(plus(attribute, 2)) === TCA.STATS)
        return {
          packets: memory.u32(plus(attribute, QLEN_AT)),
          bytes: memory.u32(plus(attribute, QLEN_AT + 4)),
          sentBytes: Number(memory.i64(plus(attribute, SENT_AT))),
        };
      offset += (memory.u16(attribute) + 3) & ~3;
    }
    throw new Error('no statistics of a qdisc');
  }
}
