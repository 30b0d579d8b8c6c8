/** Records what passes an interface as pcapng: a packet(7) socket, read by a task of the interface's own node. */

import { AF, ETH_P } from '../../abi/netlink/constants.ts';
import { PACKET, SO, SOCK, SOL } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { stealFd } from '../../kernel/syscalls/namespace.ts';
import { bind, getsockopt, setsockopt, socket } from '../../kernel/syscalls/net.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { CapturePlan } from '../plan/plan.ts';
import type { Stage } from '../run/programs/program.ts';
import { BatchReader, type Message } from '../run/sockets/receive.ts';
import { pcapHeader, pcapInterface, pcapPacket, pcapStatistics } from './pcapng.ts';

/** Room for what passes between two looks; more is lost, and counted. */
const RECEIVE_BUFFER = 16 << 20;
/** How long one wake-up waits for company. */
const MOMENT_NS = 5e6;
/** The longest frame there is: a packet of segments not yet cut. */
const LONGEST = 65_536 + 256;
const ADDRESSES = 12;

export interface CaptureResult {
  readonly node: string;
  readonly interface: string;
  readonly packets: number;
  /** Lost for want of buffer space. */
  readonly dropped: number;
  /** Of the pcapng file. */
  readonly bytes: number;
}

export class Capture {
  readonly #stage: Stage;
  readonly #plan: CapturePlan;
  readonly #emit: (bytes: Uint8Array) => void;
  #task: UserTask | undefined;
  #fd = -1;
  #packets = 0;
  #bytes = 0;
  /** The look that is going on: at the end nobody else may read meanwhile. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(stage: Stage, plan: CapturePlan, emit: (bytes: Uint8Array) => void) {
    this.#stage = stage;
    this.#plan = plan;
    this.#emit = (bytes) => {
      this.#bytes += bytes.length;
      emit(bytes);
    };
  }

  get #kept(): number {
    return Math.min(this.#plan.snaplen, LONGEST);
  }

  /** Begin; settles once every packet will be seen. What goes wrong later goes to `fail`. */
  open(device: number, fail: (cause: unknown) => void): Promise<void> {
    const { port, snaplen } = this.#plan;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#emit(pcapHeader('lkl'));
    this.#emit(pcapInterface({ name: port.name, description: `${port.node.name} ${port.name}`, snaplen }));
    this.#stage
      .run(port.node, async (task) => {
        this.#task = task;
        this.#fd = must('socket', await socket(task, AF.PACKET, SOCK.RAW | SOCK.CLOEXEC, 0));
        must('setsockopt', await setsockopt(task, this.#fd, SOL.PACKET, PACKET.AUXDATA, 1));
        must('setsockopt', await setsockopt(task, this.#fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER));
        const reader = await BatchReader.open(task, this.#fd, this.#kept, this.#stage.realtime);
        must('bind', await bind(task, this.#fd, { device, protocol: ETH_P.ALL }));
        resolve();
        for (;;) {
          await reader.wait(this.#stage, Number.POSITIVE_INFINITY);
          await sleepUntil(task, this.#stage.nowNs() + MOMENT_NS);
          this.#looking = reader.drain((message) => this.#record(message));
          await this.#looking;
        }
      })
      .catch((cause) => {
        reject(cause);
        fail(cause);
      });
    return promise;
  }

  #record(message: Message): void {
    if (message.timeNs < this.#stage.beganNs) return;
    const bytes = message.vlan ? tagged(message.bytes, message.vlan) : message.bytes;
    this.#packets++;
    this.#emit(
      pcapPacket({
        interface: 0,
        timeNs: message.timeNs - this.#stage.beganNs,
        bytes,
        length: message.length + (bytes.length - message.bytes.length),
        outgoing: message.outgoing,
      }),
    );
  }

  /** Take what is left, through another task: the capture's own sleeps until something comes. */
  async close(asker: UserTask): Promise<CaptureResult> {
    await this.#looking;
    const { port } = this.#plan;
    let dropped = 0;
    if (this.#task) {
      const fd = await stealFd(asker, this.#task, this.#fd);
      const reader = await BatchReader.open(asker, fd, this.#kept, this.#stage.realtime);
      await reader.drain((message) => this.#record(message));
      const statistics = await getsockopt(asker, fd, SOL.PACKET, PACKET.STATISTICS, 8);
      dropped = new DataView(statistics.buffer).getUint32(4, true);
      await reader.close();
      await asker.syscall('close', fd);
    }
    const timeNs = this.#stage.nowNs() - this.#stage.beganNs;
    this.#emit(pcapStatistics({ interface: 0, timeNs, received: this.#packets, dropped }));
    return { node: port.node.name, interface: port.name, packets: this.#packets, dropped, bytes: this.#bytes };
  }
}

/** The frame as it was before the kernel took its VLAN tag out. */
function tagged(frame: Uint8Array, { tci, protocol }: { readonly tci: number; readonly protocol: number }): Uint8Array {
  const whole = new Uint8Array(frame.length + 4);
  whole.set(frame.subarray(0, ADDRESSES));
  const view = new DataView(whole.buffer);
  view.setUint16(ADDRESSES, protocol || ETH_P['8021Q']);
  view.setUint16(ADDRESSES + 2, tci);
  whole.set(frame.subarray(ADDRESSES), ADDRESSES + 4);
  return whole;
}
