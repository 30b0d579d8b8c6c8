/** Programs of a simulation: each plays one Linux task on one node, and the clock only moves while all of them wait in the kernel. */

import type { TcpInfo } from '../../../abi/netlink/inet-diag.ts';
import { CLONE } from '../../../abi/uapi/socket.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';
import { type Kernel, SCRATCH_BYTES } from '../../../kernel/kernel.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { joinNamespaces, setns } from '../../../kernel/syscalls/namespace.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { Network } from '../../links/network.ts';
import type { Node } from '../../plan/topology.ts';
import type { Random } from '../random.ts';
import type { RealtimeOffset } from '../sockets/receive.ts';

/** A task that a program plays; it knows when its program thinks, and the clock stands still meanwhile. */
export type ProgramTask = HostedTask;

const SCHED_FIFO = 1;

/** Scratch memory of a program that puts nothing there but addresses, times and options. */
export const SMALL_SCRATCH_BYTES = 4096;

/** Timers of real-time tasks have no slack (sched(7), prctl(2) PR_SET_TIMERSLACK): they wake to the nanosecond. Children inherit it. */
export async function wakeExactly(task: UserTask): Promise<void> {
  task.memory.setU32(task.scratch, 1);
  must('sched_setscheduler', await task.syscall('sched_setscheduler', 0, SCHED_FIFO, task.scratch));
}

/** What a program may use. */
export interface Stage {
  /** CLOCK_MONOTONIC when the simulation began. */
  readonly beganNs: number;
  /** CLOCK_MONOTONIC when it ends at the latest. */
  readonly endsNs: number;
  /** Delays of all links, there and back: no round trip without queues is longer. */
  readonly allDelaysNs: number;
  readonly network: Network;
  /** CLOCK_MONOTONIC now. */
  nowNs(): number;
  /** Over CLOCK_MONOTONIC, for times that the kernel stamps. */
  readonly realtime: RealtimeOffset;
  /** Random numbers of their own for each name. */
  random(name: string): Random;
  /** Run a program on a node in a task of its own; settles when the program does. */
  run<T>(node: Node, program: (task: ProgramTask) => Promise<T>, scratchBytes?: number): Promise<T>;
  /** TCP connections whose tcp_info is to be sampled: programs add theirs. */
  readonly watched: WatchedFlow[];
}

/** The sending end of a connection. */
export interface WatchedFlow {
  readonly workload: number;
  readonly stream: number;
  readonly task: ProgramTask;
  readonly fd: number;
}

/** What a watched connection said of itself at one time. */
export interface TcpSample {
  readonly workload: number;
  readonly stream: number;
  /** Since the simulation began. */
  readonly timeNs: number;
  readonly info: TcpInfo;
}

/** Tasks on each node; a program's task serves another one after it. No node is the namespace of wires. */
export class TaskPool {
  readonly #director: ProgramTask;
  readonly #kernel: Kernel;
  readonly #network: Network;
  readonly #idle = new Map<Node | undefined, ProgramTask[]>();
  readonly #leaders = new Map<Node, ProgramTask>();

  constructor(director: ProgramTask, kernel: Kernel, network: Network) {
    this.#director = director;
    this.#kernel = kernel;
    this.#network = network;
  }

  /** `scratchBytes`: the least the program's task must have. */
  async run<T>(
    node: Node | undefined,
    program: (task: ProgramTask) => Promise<T>,
    scratchBytes = SCRATCH_BYTES,
  ): Promise<T> {
    const task = await this.#take(node, scratchBytes);
    const result = program(task);
    void result.then(
      () => this.#release(node, task),
      () => this.#release(node, task),
    );
    return result;
  }

  /**
   * The clock may move once this task has no program: not before whoever waits for the program's result has gone on with
   * it. That takes as many microtasks as promises pass it on, and all of those are over when the event loop comes round.
   */
  async #release(node: Node | undefined, task: ProgramTask): Promise<void> {
    await this.#kernel.turn();
    task.detach();
    this.#idle.set(node, [...(this.#idle.get(node) ?? []), task]);
  }

  /** A task that stays, whose mount namespace the later tasks of its node are to share. */
  async lead<T>(
    node: Node,
    program: (task: ProgramTask) => Promise<T>,
  ): Promise<{ readonly task: ProgramTask; readonly result: T }> {
    const task = await this.#take(node, SCRATCH_BYTES);
    const result = await program(task);
    task.detach();
    this.#leaders.set(node, task);
    return { task, result };
  }

  async #take(node: Node | undefined, scratchBytes: number): Promise<ProgramTask> {
    const idle = this.#idle.get(node) ?? [];
    const known = idle.findLast((task) => task.scratchBytes >= scratchBytes);
    if (known) {
      idle.splice(idle.indexOf(known), 1);
      known.attach();
      return known;
    }
    const task = await this.#kernel.spawn(this.#director, 0, scratchBytes);
    return task.begin(async () => {
      const leader = node && this.#leaders.get(node);
      if (leader) await joinNamespaces(task, leader, CLONE.NEWNET | CLONE.NEWNS);
      else if (node) must('setns', await setns(task, this.#network.nodes.get(node)?.fd ?? -1, CLONE.NEWNET));
    });
  }
}
