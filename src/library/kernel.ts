/** A Linux kernel of one's own: system calls one by one or in batches, as JSON. */

import { parseMac } from '../abi/netlink/inet.ts';
import { setLink } from '../abi/netlink/links/link.ts';
import type { SyscallName } from '../abi/syscalls.ts';
import { type KernelRequest, type PreparedKernel, prepareKernel } from '../batch/kernel-setup.ts';
import { Mistake } from '../batch/language/mistake.ts';
import { CallRunner } from '../batch/language/run.ts';
import type { Argument, BatchCall, CallResult } from '../batch/language/types.ts';
import { Refs } from '../batch/language/values/refs.ts';
import type { PlayedCall, TaskRequest } from '../batch/player.ts';
import { type BatchReport, playTimed } from '../batch/syscall-batch.ts';
import { exceptionOf } from '../errors/exception.ts';
import { HostError } from '../errors/host-error.ts';
import type { ClockPolicy, Host } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { NetlinkSocket } from '../kernel/syscalls/netlink.ts';
import { dhcp, type Lease } from '../network/dhcp/client.ts';
import { nodeChunks } from '../node/chunks.ts';
import { nodeHost } from '../node/host.ts';
import { type AttachedInterface, attachInterface } from '../node/net/attach.ts';
import { InterfaceError } from '../node/net/interface-error.ts';
import { gate } from '../storage/gate.ts';
import { openDisk } from '../storage/open-disk.ts';
import type { Toolbox } from '../tools/toolbox.ts';
import { type Engine, linuxOf } from './engine.ts';
import { type OpenImageOptions, unlockOf } from './open/open-image.ts';
import { type ImageSource, type OpenedSource, openSource } from './open/source.ts';
import { KernelPrograms } from './programs/exec.ts';
import { type Programs, toolboxOf } from './programs/modules.ts';
import type { ProgramOptions, ProgramResult } from './programs/streams.ts';

/** A call of this kernel's table, or another name that means the same (`open`, `stat`, `lseek` …). */
export type CallName = SyscallName | (string & {});

/** An image as a disk: /dev/vda, vdb … in the order given. What is written to it stays in memory. */
export interface KernelDisk {
  readonly image: ImageSource;
  /** More disks of the same machine, right behind this one: members of an array, of a volume group, of a btrfs. */
  readonly also?: readonly ImageSource[] | undefined;
  /** A detached header of LUKS; a disk, too. */
  readonly header?: ImageSource | undefined;
  /** Where to mount it; directories that are not there are made. Default: it is plugged in only. */
  readonly at?: string | undefined;
  readonly partition?: KernelRequest['disks'][number]['partition'];
  readonly type?: string | undefined;
  readonly options?: string | undefined;
  /** Of a btrfs: a subvolume or snapshot, by path or number. */
  readonly subvolume?: string | undefined;
  /** Which disk of the image, as for `openImage`. */
  readonly format?: string | undefined;
  readonly member?: string | undefined;
  readonly snapshot?: string | undefined;
  /** Default: false. */
  readonly readOnly?: boolean | undefined;
}

export interface BootOptions {
  readonly disks?: readonly KernelDisk[] | undefined;
  /** Opens encrypted volumes, as for `openImage`. */
  readonly passphrase?: OpenImageOptions['passphrase'];
  /** Set the loopback device up. Default: true. */
  readonly loopback?: boolean | undefined;
  /** "net.ipv4.tcp_sack": "0" */
  readonly sysctl?: Readonly<Record<string, string>> | undefined;
  /** Programs of one's own for `exec`, beside the tools of the package lkl-linux-tools; `{}`: those alone. Default: none can run. */
  readonly programs?: Programs | undefined;
  /** MiB that all programs may have together. Default: 256 where there are `programs`. */
  readonly programMemoryMib?: number | undefined;
  /** Words of a kernel command line that still mean something after boot. */
  readonly commandLine?: string | undefined;
  /** The most memory it may grow to. Default: 64. */
  readonly memoryMib?: number | undefined;
  /** `virtual` (the default): idle time is jumped over. `wall`: as the clock on the wall. */
  readonly clock?: ClockPolicy | undefined;
  /** Decides everything random, and the date: the same seed and calls give the same results. */
  readonly seed?: string | undefined;
  /** The engine to run on. Default: one that the whole process shares. */
  readonly engine?: Engine | undefined;
}

export interface BatchOptions {
  /** Further lists of calls, each on a task of its own; they begin when the first list has ended. */
  readonly tasks?:
    | Readonly<Record<string, { readonly calls: readonly PlayedCall[]; readonly flags?: string }>>
    | undefined;
  /** What a failed call means for those after it. Default: `stop`. */
  readonly onError?: 'stop' | 'continue' | undefined;
  /** Each result has the line that strace(1) would show. */
  readonly strace?: boolean | undefined;
  /** Calls under way by then are interrupted and no more are made; what cannot be interrupted takes the kernel with it. Default: none. */
  readonly deadlineMs?: number | undefined;
}

export interface BatchResult extends BatchReport {
  /** Of the first list, in order. */
  readonly results: readonly CallResult[];
  /** Of the others. */
  readonly taskResults: Readonly<Record<string, readonly CallResult[]>>;
}

/** Most bytes of buffers that one call may have. */
const CALL_BYTES = 4 * 2 ** 20;
/** The longest that a timer can be set to: 24 days. */
const NO_DEADLINE_MS = 2 ** 31 - 1;
const PROGRAMS_MIB = 256;
const TASK_FLAGS = 'CLONE_FILES|CLONE_FS';

/** A network card, and what it is connected with: docs/interfaces.md has the types. */
export interface InterfaceOptions {
  /** `tap`, `macvtap`, `raw`, `pipe`, `vde`, `user`, `pcap` or `ws`. */
  readonly type: string;
  readonly param?: string;
  /** Default: random. */
  readonly mac?: string;
  readonly mtu?: number;
  /** Bits of virtio-net's features. Default: all that the type can do. */
  readonly offload?: number;
  /** A file that all frames are captured into (pcap). */
  readonly capture?: string;
  /** Ask for an address. */
  readonly dhcp?: boolean;
}

export interface KernelInterface {
  /** `eth0` … */
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  /** What it is connected with, as `tap lkl0`. */
  readonly what: string;
  readonly warnings: readonly string[];
  readonly lease?: Lease;
  detach(): Promise<void>;
}

/**
 * A kernel that keeps what was done to it until it is closed: files, mounts, sockets, sysctls. Calls are made by pid 1, root in
 * its first namespaces, one after another in the order in which they were asked for.
 */
export class RunningKernel implements AsyncDisposable {
  readonly #prepared: PreparedKernel;
  readonly #host: Host;
  readonly #runner: CallRunner;
  readonly #inOrder = gate(1);
  readonly #letGo: () => Promise<void>;
  readonly #programs: KernelPrograms;

  /**
   * Made by `bootKernel`.
   *
   * @internal
   */
  constructor(prepared: PreparedKernel, host: Host, letGo: () => Promise<void>, toolbox?: Toolbox) {
    this.#prepared = prepared;
    this.#host = host;
    this.#letGo = letGo;
    const { init, engine } = prepared.kernel;
    const nowNs = () => BigInt(engine.clock.nowNs);
    this.#runner = new CallRunner(init, { limitBytes: CALL_BYTES, nowNs, refs: new Refs() });
    init.detach();
    this.#programs = new KernelPrograms(prepared.kernel, toolbox, (work) =>
      this.#inOrder(() => prepared.kernel.init.play(work)),
    );
  }

  get #kernel(): Kernel {
    return this.#prepared.kernel;
  }

  /** The end of the kernel's log. */
  get console(): string {
    return this.#kernel.console;
  }
  /** Bytes of memory that it has now. */
  get memoryBytes(): number {
    return this.#kernel.memoryBytes;
  }

  /**
   * Makes one call; what Linux answers is a value, errors too. Arguments are those of the batch language: numbers, constants by
   * name, text, `{ out: 'stat' }` for memory that the call fills … Rejects with `ERR_BAD_CALL` when it cannot be made at all.
   *
   * @example
   * ```ts
   * const { out } = await kernel.call('uname', { out: 'utsname' });
   * ```
   */
  call(name: CallName, ...args: readonly Argument[]): Promise<CallResult> {
    return this.run({ call: name, args });
  }

  /** The same of a call as an object: `as` names its result for `{ ref }` of later ones. */
  run(call: BatchCall): Promise<CallResult> {
    return this.#playing(async () => {
      try {
        return await this.#runner.run(call);
      } catch (cause) {
        if (!(cause instanceof Mistake)) throw cause;
        throw new HostError('bad-call', `${call.call}: ${cause.path}: ${cause.message}`, { cause });
      }
    });
  }

  /** A list of calls, and of tasks with theirs, as POST /v1/syscalls takes them. Names of results are the batch's own. */
  batch(calls: readonly PlayedCall[], options: BatchOptions = {}): Promise<BatchResult> {
    const { tasks = {}, onError = 'stop', strace = false, deadlineMs = NO_DEADLINE_MS } = options;
    const results: CallResult[] = [];
    const taskResults = Object.fromEntries(Object.keys(tasks).map((name): [string, CallResult[]] => [name, []]));
    const named = Object.entries(tasks).map(([name, task]): [string, TaskRequest] => [
      name,
      { flags: TASK_FLAGS, ...task },
    ]);
    const request = { calls, tasks: Object.fromEntries(named), onError, strace, deadlineMs };
    return this.#playing(async () => {
      const sink = (result: CallResult, task?: string) => {
        (task === undefined ? results : taskResults[task])?.push(result);
      };
      const report = await playTimed(this.#prepared, request, sink, { host: this.#host });
      return { ...report, results, taskResults };
    });
  }

  /**
   * Runs a program to its end: one of `programs`, a tool, or a path in this kernel. Others may run, and calls be made, at the same time. One
   * that fails is a result with its exit code; rejects when it cannot be executed. What it left running goes on.
   *
   * @example
   * ```ts
   * await using kernel = await bootKernel({ programs: { mine: 'mine.wasm' } });
   * const { exitCode, stdout } = await kernel.exec(['mine', '--help'], { input: 'text' });
   * ```
   */
  async exec(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    try {
      return await this.#programs.exec(argv, options);
    } catch (cause) {
      throw exceptionOf(cause);
    }
  }

  /**
   * Plugs a network card in, whose device is up, and with `dhcp` has an address, when this settles. Real networks want `clock: 'wall'`. Rejects with
   * `ERR_BAD_OPTION` when this machine cannot, or may not, and nothing is plugged in.
   *
   * @example
   * ```ts
   * await using kernel = await bootKernel({ clock: 'wall' });
   * const { name, lease } = await kernel.attach({ type: 'user', dhcp: true });
   * ```
   */
  attach({ mac, dhcp: wantsLease = false, ...spec }: InterfaceOptions): Promise<KernelInterface> {
    return this.#playing(async () => {
      const address = mac === undefined ? undefined : parseMac(mac);
      if (mac !== undefined && !address) throw new HostError('bad-option', `${mac} is no MAC address`);
      const card = await attachInterface(this.#kernel, { ...spec, mac: address }).catch((cause: unknown) => {
        throw cause instanceof InterfaceError ? new HostError('bad-option', cause.message, { cause }) : cause;
      });
      const { name, index, what, warnings } = card;
      const detach = () => this.#playing(() => card.detach());
      const { init } = this.#kernel;
      try {
        const lease = wantsLease ? await this.#leased(card) : undefined;
        const rtnl = await NetlinkSocket.open(init);
        await rtnl.send([setLink(index, { up: true })]);
        await init.syscall('close', rtnl.fd);
        return { name, index, mac: card.mac, what, warnings, detach, ...(lease && { lease }) };
      } catch (cause) {
        await card.detach();
        throw cause;
      }
    });
  }

  #leased({ name, index, mac }: AttachedInterface): Promise<Lease> {
    const id = new Uint8Array(4);
    this.#host.entropy(id);
    const device = { name, index, mac: parseMac(mac) ?? new Uint8Array(6) };
    return dhcp(this.#kernel.init, device, new DataView(id.buffer).getUint32(0));
  }

  #playing<T>(work: () => Promise<T>): Promise<T> {
    return this.#inOrder(() => this.#kernel.init.play(work)).catch((cause: unknown) => {
      throw exceptionOf(cause);
    });
  }

  /** Ends the kernel at once, as when power fails. Twice is once. */
  async close(): Promise<void> {
    this.#kernel.kill();
    await this.#letGo();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A kernel, ready in about a millisecond once the process has compiled it (a tenth of a second).
 *
 * @example
 * ```ts
 * await using kernel = await bootKernel();
 * const { ret } = await kernel.call('mkdir', '/tmp', 0o755);
 * ```
 */
export async function bootKernel(options: BootOptions = {}): Promise<RunningKernel> {
  const {
    disks = [],
    loopback = true,
    sysctl = {},
    commandLine = '',
    memoryMib = 64,
    clock = 'virtual',
    seed,
    programs,
    programMemoryMib = programs && PROGRAMS_MIB,
  } = options;
  const opened: OpenedSource[] = [];
  const letGo = async () => {
    for (const { close } of opened.splice(0)) await close();
  };
  try {
    const linux = await linuxOf(options.engine);
    /** The name that stands for it in the request. */
    const named = async (image: ImageSource): Promise<string> => `${opened.push(await openSource(image)) - 1}`;
    const setup = linux.setup(() => ({
      async image(name, choice) {
        const { source, unpack } = opened[Number(name)] ?? {};
        if (source === undefined) throw new HostError('image-not-found', `there is no disk ${name}`);
        return {
          device:
            'sectors' in source ? source : (await openDisk(source, { ...choice, unpack, chunks: nodeChunks })).device,
          etag: name,
        };
      },
    }));
    const requests: KernelRequest['disks'][number][] = [];
    for (const { image, also = [], header, readOnly = false, ...disk } of disks) {
      const own = await named(image);
      const others: string[] = [];
      for (const one of also) others.push(await named(one));
      const headerName = header === undefined ? undefined : await named(header);
      requests.push({ ...disk, image: own, also: others, header: headerName, readOnly });
    }
    const request: KernelRequest = {
      disks: requests,
      loopback,
      sysctl,
      commandLine,
      memoryMib,
      programMib: programMemoryMib,
      clock,
      seed,
    };
    const toolbox = programs && toolboxOf(programs);
    const prepared = await prepareKernel(request, setup, unlockOf(options.passphrase));
    return new RunningKernel(prepared, nodeHost, letGo, toolbox);
  } catch (cause) {
    await letGo();
    throw exceptionOf(cause);
  }
}
