/** A netlink socket: requests in, what the kernel answered out; its refusals in its own words. */

import { AF, NETLINK, NLM_F, NLMSG, SOL_NETLINK } from '../../abi/netlink/constants.ts';
import {
  concat,
  frame,
  type NetlinkMessage,
  type NetlinkRequest,
  parseMessages,
  parseResult,
} from '../../abi/netlink/message.ts';
import { SOCK } from '../../abi/uapi/socket.ts';
import { KernelError, must } from '../kernel-error.ts';
import { plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { setsockopt, socket } from './net.ts';

/** A request that the kernel refused: its place among those sent, the errno, and the kernel's words. */
export interface NetlinkRefusal {
  readonly index: number;
  readonly error: KernelError;
}

/** Acknowledgements of more requests than these may not fit the socket's receive buffer. */
const BATCH = 64;

/** An open netlink socket of a task. It belongs to the network namespace the task was in when it was opened. */
export class NetlinkSocket {
  readonly fd: number;
  readonly #task: UserTask;
  #seq = 0;

  private constructor(task: UserTask, fd: number) {
    this.#task = task;
    this.fd = fd;
  }

  static async open(task: UserTask, protocol: number = NETLINK.ROUTE): Promise<NetlinkSocket> {
    const fd = must('socket', await socket(task, AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC, protocol));
    must('setsockopt', await setsockopt(task, fd, SOL_NETLINK, NETLINK.CAP_ACK, 1));
    must('setsockopt', await setsockopt(task, fd, SOL_NETLINK, NETLINK.EXT_ACK, 1));
    return new NetlinkSocket(task, fd);
  }

  /** Send requests in order, few calls for many; the first refusal is thrown. */
  async send(requests: readonly NetlinkRequest[]): Promise<void> {
    const [refusal] = await this.trySend(requests);
    if (refusal) throw refusal.error;
  }

  /** Send requests in order; answers those the kernel refused. */
  async trySend(requests: readonly NetlinkRequest[]): Promise<NetlinkRefusal[]> {
    const refusals: NetlinkRefusal[] = [];
    for (let first = 0; first < requests.length; ) first = await this.#sendSome(requests, first, refusals);
    return refusals;
  }

  /**
   * Send requests as one transaction: all of them are done, or none. `begin` and `end` are not acknowledged; what is
   * said of them (an error of the whole) has the index -1.
   */
  async sendTransaction(
    begin: NetlinkRequest,
    requests: readonly NetlinkRequest[],
    end: NetlinkRequest,
  ): Promise<NetlinkRefusal[]> {
    const { memory, scratch, scratchBytes } = this.#task;
    const first = this.#seq + 1;
    const bytes = [begin, ...requests, end].map((request) => frame(request, ++this.#seq));
    const length = bytes.reduce((sum, one) => sum + one.length, 0);
    if (length > scratchBytes)
      return [
        { index: -1, error: new KernelError('sendto', 90, `${length} bytes of netlink, ${scratchBytes} at most`) },
      ];
    memory.write(scratch, concat(bytes));
    must('sendto', await this.#task.syscall('sendto', this.fd, scratch, length, 0, 0, 0));
    const refusals: NetlinkRefusal[] = [];
    for (let open = requests.length; open > 0; ) {
      for (const message of await this.#receive()) {
        const index = message.seq - first - 1;
        if (message.type !== NLMSG.ERROR || index < -1 || index > requests.length) continue;
        const error = refused(message, requests[index]);
        const isOfOne = index >= 0 && index < requests.length;
        if (error) refusals.push({ index: isOfOne ? index : -1, error });
        // What is said of the whole is the last word.
        open = isOfOne ? open - 1 : 0;
      }
    }
    return refusals;
  }

  /** One datagram of requests; answers where the next one begins. */
  async #sendSome(requests: readonly NetlinkRequest[], first: number, refusals: NetlinkRefusal[]): Promise<number> {
    const { memory, scratch, scratchBytes } = this.#task;
    const bySeq = new Map<number, number>();
    let length = 0;
    let next = first;
    for (; next < requests.length && next - first < BATCH; next++) {
      const request = requests[next];
      const bytes = request && frame(request, this.#seq + 1);
      if (!bytes || (length > 0 && length + bytes.length > scratchBytes)) break;
      memory.write(plus(scratch, length), bytes);
      bySeq.set(++this.#seq, next);
      length += bytes.length;
    }
    must('sendto', await this.#task.syscall('sendto', this.fd, scratch, length, 0, 0, 0));
    while (bySeq.size > 0) {
      for (const message of await this.#receive()) {
        const index = bySeq.get(message.seq);
        if (message.type !== NLMSG.ERROR || index === undefined) continue;
        bySeq.delete(message.seq);
        const error = refused(message, requests[index]);
        if (error) refusals.push({ index, error });
      }
    }
    return next;
  }

  /** Every object of a dump; or the one that is asked for, without NLM_F_DUMP. */
  async ask(request: NetlinkRequest): Promise<NetlinkMessage[]> {
    const { memory, scratch } = this.#task;
    const bytes = frame(request, ++this.#seq);
    memory.write(scratch, bytes);
    must('sendto', await this.#task.syscall('sendto', this.fd, scratch, bytes.length, 0, 0, 0));
    const found: NetlinkMessage[] = [];
    for (;;) {
      for (const message of await this.#receive()) {
        if (message.seq !== this.#seq) continue;
        if (message.type === NLMSG.ERROR || message.type === NLMSG.DONE) {
          const error = refused(message, request);
          if (error) throw error;
          return found;
        }
        if (message.flags & NLM_F.DUMP_INTR) throw new KernelError('recvfrom', 4, 'the dump changed while it was read');
        found.push(message);
      }
    }
  }

  async #receive(): Promise<NetlinkMessage[]> {
    const { memory, scratch, scratchBytes } = this.#task;
    const length = must('recvfrom', await this.#task.syscall('recvfrom', this.fd, scratch, scratchBytes, 0, 0, 0));
    return parseMessages(memory.copy(scratch, length));
  }
}

function refused(message: NetlinkMessage, request: NetlinkRequest | undefined): KernelError | undefined {
  const { error, message: words } = parseResult(message);
  if (error === 0) return undefined;
  return new KernelError(
    'sendto',
    -error,
    `netlink message ${request?.type ?? message.type}${words === undefined ? '' : `: ${words}`}`,
  );
}
