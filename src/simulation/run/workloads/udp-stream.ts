/** Numbered and timed datagrams from one node to another, and what came of them: for UDP workloads. */

import { IPPROTO } from '../../../abi/netlink/constants.ts';
import { MSG, SO, SOCK, SOL } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { stealFd } from '../../../kernel/syscalls/namespace.ts';
import { bind, connect, send, setsockopt, socket } from '../../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import { bitRate, InterarrivalJitter } from '../../measure/stats.ts';
import { countUnderWay } from '../../measure/under-way.ts';
import type { FlowPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { BatchReader, type Message } from '../sockets/receive.ts';
import { anyAddress, endpoint, familyNumber, joinGroup, setTos, tellTos } from '../sockets/sockets.ts';

/** Number and time of sending, 64 bits each, in network order: what begins with zeros no heuristic dissector of Wireshark takes. */
export const UDP_HEADER = 16;
/** Room for what arrives between two looks. */
const RECEIVE_BUFFER = 8 << 20;
/** How long one wake-up waits for company. */
const MOMENT_NS = 5e6;
/** What has not arrived so long after the last was sent, and links take as long as they take, is lost. */
const GRACE_NS = 5e9;

/** Its datagrams say that they may be marked instead of dropped (ECN). */
export const isAble = ({ tos = 0 }: FlowPlan): boolean => (tos & ECN_MASK) !== 0;
/** RFC 3168: congestion was experienced. */
const CE = 3;
const ECN_MASK = 3;

export class UdpStream {
  readonly #stage: Stage;
  readonly #plan: FlowPlan;
  readonly #size: number;
  sent = 0;
  received = 0;
  /** Of payload. */
  receivedBytes = 0;
  duplicates = 0;
  reordered = 0;
  /** Came with ECN's mark. */
  marked = 0;
  readonly oneWayMs: number[] = [];
  readonly jitter = new InterarrivalJitter();
  readonly #seen = new Set<number>();
  /** CLOCK_MONOTONIC when each was sent. */
  readonly #sentNs: number[] = [];
  #receiver: { readonly task: UserTask; readonly fd: number } | undefined;
  /** The look that is going on: at the end nobody else may read meanwhile. */
  #looking: Promise<unknown> = Promise.resolve();
  #highest = -1;
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;
  #allThere: (() => void) | undefined;

  /** `joins`: the group that the receiver is to be in, and by which device. */
  readonly #joins: number | undefined;

  constructor(stage: Stage, plan: FlowPlan, size: number, joins?: number) {
    this.#joins = joins;
    this.#stage = stage;
    this.#plan = plan;
    this.#size = size;
  }

  /** Begin to receive; settles once datagrams can come. What goes wrong later goes to `fail`. */
  open(fail: (cause: unknown) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { to, address, port } = this.#plan;
    this.#stage
      .run(
        to,
        async (task) => {
          const fd = must(
            'socket',
            await socket(task, familyNumber(address.family), SOCK.DGRAM | SOCK.CLOEXEC, IPPROTO.UDP),
          );
          must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER));
          must('bind', await bind(task, fd, anyAddress(address.family, port)));
          if (this.#joins !== undefined) await joinGroup(task, fd, address, this.#joins);
          if (isAble(this.#plan)) await tellTos(task, fd, address.family);
          const reader = await BatchReader.open(task, fd, UDP_HEADER, this.#stage.realtime);
          this.#receiver = { task, fd };
          resolve();
          for (;;) {
            await reader.wait(this.#stage, Number.POSITIVE_INFINITY);
            await sleepUntil(task, this.#stage.nowNs() + MOMENT_NS);
            this.#looking = reader.drain((message) => this.#arrived(message));
            await this.#looking;
            if (this.#allThere && this.received === this.sent) this.#allThere();
          }
        },
        SMALL_SCRATCH_BYTES,
      )
      .catch((cause) => {
        reject(cause);
        fail(cause);
      });
    return promise;
  }

  /** Take what has arrived and was not looked at yet, through another task: the receiver's own sleeps until more comes. */
  async close(asker: UserTask): Promise<void> {
    await this.#looking;
    if (!this.#receiver) return;
    const fd = await stealFd(asker, this.#receiver.task, this.#receiver.fd);
    const reader = await BatchReader.open(asker, fd, UDP_HEADER, this.#stage.realtime);
    await reader.drain((message) => this.#arrived(message));
    await reader.close();
    await asker.syscall('close', fd);
    this.#receiver = undefined;
  }

  #arrived({ bytes, timeNs, length, tos = 0 }: Message): void {
    if (bytes.length < UDP_HEADER) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const number = Number(view.getBigUint64(0));
    if (this.#seen.has(number)) {
      this.duplicates++;
      return;
    }
    this.#seen.add(number);
    this.received++;
    this.receivedBytes += length;
    if ((tos & ECN_MASK) === CE) this.marked++;
    if (number < this.#highest) this.reordered++;
    this.#highest = Math.max(this.#highest, number);
    this.#firstNs = Math.min(this.#firstNs, timeNs);
    this.#lastNs = Math.max(this.#lastNs, timeNs);
    const transitMs = (timeNs - Number(view.getBigUint64(8))) / 1e6;
    this.oneWayMs.push(transitMs);
    this.jitter.add(transitMs);
  }

  /** Those that may still come: the simulation may end before ones arrive that are no slower than others were, or than links are. */
  get inFlight(): number {
    return countUnderWay({
      sentNs: this.#sentNs,
      hasArrived: (n) => this.#seen.has(n),
      timesMs: this.oneWayMs,
      nowNs: this.#stage.nowNs(),
      otherwiseMs: this.#stage.allDelaysNs / 1e6,
    });
  }

  /** Sent, not received, and not on the way either. */
  get lost(): number {
    return this.sent - this.received - this.inFlight;
  }

  /** The rate at which payload came: n datagrams make n - 1 intervals. */
  get goodputBps(): number | undefined {
    return this.received < 2 ? undefined : bitRate((this.received - 1) * this.#size, this.#lastNs - this.#firstNs);
  }

  /** `prepare` is given the socket before it has anyone to send to. */
  async openSender(
    task: ProgramTask,
    prepare?: (fd: number) => Promise<void>,
  ): Promise<{ readonly fd: number; readonly buffer: UserBuffer }> {
    const { address, port } = this.#plan;
    const fd = must('socket', await socket(task, familyNumber(address.family), SOCK.DGRAM | SOCK.CLOEXEC, IPPROTO.UDP));
    await setTos(task, fd, address.family, this.#plan.tos);
    await prepare?.(fd);
    must('connect', await connect(task, fd, endpoint(address, port)));
    return { fd, buffer: await mapBuffer(task, this.#size) };
  }

  /** One datagram; the time it carries is the time now. */
  async send(task: ProgramTask, fd: number, buffer: UserBuffer, size = this.#size): Promise<void> {
    const header = new DataView(new ArrayBuffer(UDP_HEADER));
    const nowNs = this.#stage.nowNs();
    header.setBigUint64(0, BigInt(this.sent));
    header.setBigUint64(8, BigInt(nowNs));
    this.noteSent(nowNs);
    task.memory.write(buffer.at, new Uint8Array(header.buffer));
    // A full queue or an unreachable target loses this one: the next is on its own.
    await send(task, fd, buffer, size, MSG.NOSIGNAL);
  }

  /** One was sent, by this stream or by another one of the same group. */
  noteSent(atNs: number): void {
    this.sent++;
    this.#sentNs.push(atNs);
  }

  /** Wait for the last ones on their way. */
  async settle(task: ProgramTask): Promise<void> {
    if (this.received === this.sent) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#allThere = resolve;
    const grace = this.#stage.run(
      this.#plan.from,
      (alarm) => sleepUntil(alarm, this.#stage.nowNs() + GRACE_NS + this.#stage.allDelaysNs),
      SMALL_SCRATCH_BYTES,
    );
    await task.waitFor(Promise.race([promise, grace]));
  }
}
