/** Plays a script: its events in order, on a kernel of its own, under virtual time. */

import { type ErrnoName, errnoName, errnos } from '../../abi/errno.ts';
import { KernelDead } from '../../kernel/errors.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { Python } from '../code/python.ts';
import { AssertionFailed, type Statement } from '../code/statements.ts';
import { tcpInfoNames } from '../code/tcp-info.ts';
import type { Value } from '../code/values.ts';
import type { CallSpec, PacketSpec, Script, ScriptEvent, TcpSpec } from '../language/script.ts';
import { ScriptError } from '../language/script-error.ts';
import { decodeIp, decodeTcp, type LivePacket, PROTOCOL } from '../packet/wire.ts';
import { type FileText, Shell } from '../shell/shell.ts';
import { CallContext, type Made } from './calls/context.ts';
import { callOf } from './calls/table.ts';
import { type Connection, Connections } from './connections.ts';
import { inboundBytes } from './inbound.ts';
import { type Frame, Machine } from './machine.ts';
import { formatLive, mismatch } from './outbound.ts';
import { likePush, split } from './segments.ts';
import type { Settings } from './settings.ts';

export interface Played {
  /** How much time of the kernel the script took, in seconds. */
  readonly seconds: number;
}

/** Beyond the time at which a packet is to leave, it is waited for so long, to say how late it is. */
const LATE_US = 5e6;
const TCP_INFO_BYTES = 512;
/** Where no event makes a call the event loop has a turn after so many: its deadlines are its own. */
const EVENTS_A_TURN = 256;

/** `print` is told of each line that its code prints. Throws a `ScriptError` with the line at which it did not go as the script says. */
export async function play(
  kernel: Kernel,
  script: Script,
  settings: Settings,
  { files, print }: { readonly files: FileText; readonly print: (line: string) => void },
): Promise<Played> {
  const machine = await Machine.make(kernel, settings);
  return new Player(machine, script, settings, files, new Python(print)).play();
}

interface Blocking {
  readonly event: ScriptEvent;
  readonly spec: CallSpec;
  readonly made: Promise<Made>;
  readonly endUs: number;
  endedUs: number | undefined;
}

interface Found {
  readonly packet: LivePacket;
  readonly connection: Connection | undefined;
  readonly atUs: number;
}

class Player {
  readonly #machine: Machine;
  readonly #script: Script;
  readonly #settings: Settings;
  readonly #connections: Connections;
  readonly #context: CallContext;
  readonly #shell: Shell;
  readonly #python: Python;
  #blocking: Blocking | undefined;
  /** Bytes of the last packet that the script's last one covers. */
  #lastLength = 0;
  /** What is wrong with the last packet if nothing follows that continues it. */
  #tooShort: ScriptError | undefined;
  /** What is left of a packet whose beginning was looked at. */
  #left: Found | undefined;
  /** Of the event before, on the script's scale. */
  #lastUs = 0;

  constructor(machine: Machine, script: Script, settings: Settings, files: FileText, python: Python) {
    this.#python = python;
    this.#machine = machine;
    this.#script = script;
    this.#settings = settings;
    this.#connections = new Connections(settings);
    this.#context = new CallContext(machine, settings, this.#connections);
    const sleep = (seconds: number) => machine.waitUntil(machine.nowUs + seconds * 1e6);
    this.#shell = new Shell(machine.kernel.init, files, sleep);
  }

  async play(): Promise<Played> {
    const [...events] = this.#script.events;
    const { kernel } = this.#machine;
    let prepared = false;
    for (const [index, event] of events.entries()) {
      if (index % EVENTS_A_TURN === EVENTS_A_TURN - 1) await kernel.engine.still(kernel.turn());
      // Commands before the first event that has a time prepare: until then the script's time does not begin.
      if (!prepared) {
        const { action, time } = event;
        prepared = !(action.kind === 'command' && time.kind === 'relative' && time.us === 0);
        if (prepared) await this.#machine.align();
        this.#machine.startAt(time.kind === 'absolute' ? time.us : 0);
        if (prepared) this.#context.realtimeNs = await this.#machine.beganNs();
        this.#lastUs = 0;
      }
      await this.#event(event).catch((cause: unknown) => {
        throw placed(cause, event);
      });
    }
    if (this.#blocking) await this.#endBlocking(this.#blocking);
    return { seconds: this.#machine.nowUs / 1e6 };
  }

  async #event(event: ScriptEvent): Promise<void> {
    const { action, time } = event;
    const base = time.kind === 'relative' ? this.#lastUs : 0;
    const us = time.kind === 'any' ? this.#machine.nowUs : base + time.us;
    const endUs = time.kind === 'any' || time.endUs === undefined ? undefined : base + time.endUs;
    if (action.kind === 'packet' && action.direction === 'out') {
      const at = await this.#outbound(event, action, time.kind === 'any' ? undefined : us, endUs);
      this.#lastUs = time.kind === 'any' || endUs !== undefined ? at : us;
      return;
    }
    await this.#machine.waitUntil(us);
    if (time.kind !== 'any') this.#mustBeInTime('event', us, endUs, this.#machine.nowUs);
    this.#lastUs = us;
    switch (action.kind) {
      case 'packet':
        await this.#machine.inject(inboundBytes(action, this.#connections, this.#settings));
        return;
      case 'call':
        return this.#call(event, action, base);
      case 'command':
        if (!(await this.#shell.run(action.text))) {
          throw new ScriptError(`error executing \`${action.text.trim()}\` command: non-zero status 1`);
        }
        return;
      case 'code':
        await this.#code(action.piece);
    }
  }

  #mustBeInTime(what: string, us: number, endUs: number | undefined, actualUs: number): void {
    const { toleranceUs } = this.#settings;
    if (actualUs >= us - toleranceUs && actualUs <= (endUs ?? us) + toleranceUs) return;
    const s = (value: number) => (value / 1e6).toFixed(6);
    throw new ScriptError(
      endUs === undefined
        ? `timing error: expected ${what} at ${s(us)} sec but happened at ${s(actualUs)} sec; tolerance ${s(toleranceUs)} sec`
        : `timing error: expected ${what} in time range ${s(us)}~${s(endUs)} sec but happened at ${s(actualUs)} sec; tolerance ${s(toleranceUs)} sec`,
    );
  }

  // --- packets ---

  /** Answers when it left. */
  async #outbound(
    event: ScriptEvent,
    spec: PacketSpec,
    us: number | undefined,
    endUs: number | undefined,
  ): Promise<number> {
    if (spec.protocol === 'tcp' && !this.#settings.strictSegments) return this.#segments(event, spec, us, endUs);
    return this.#onePacket(event, spec, us, endUs);
  }

  /** Where Linux cuts what it sends is not looked at: several packets may be what the script has as one, and one what it has as several. */
  async #segments(
    event: ScriptEvent,
    spec: TcpSpec,
    us: number | undefined,
    endUs: number | undefined,
  ): Promise<number> {
    let first: ScriptError | undefined;
    for (let rest = spec; ; ) {
      const atUs = await this.#onePacket(event, rest, us, endUs).catch((cause: unknown) => {
        // What follows is no continuation: then the first one is not what the script has.
        throw cause instanceof ScriptError ? (first ?? cause) : cause;
      });
      first ??= this.#tooShort;
      const sent = this.#lastLength;
      if (sent >= rest.length) return atUs;
      rest = { ...rest, seq: rest.seq + sent, length: rest.length - sent };
    }
  }

  async #onePacket(
    event: ScriptEvent,
    spec: PacketSpec,
    us: number | undefined,
    endUs: number | undefined,
  ): Promise<number> {
    const machine = this.#machine;
    const lastUs = Math.max(endUs ?? us ?? machine.nowUs, machine.nowUs) + this.#settings.toleranceUs + LATE_US;
    const found = await this.#nextOf(spec, us === undefined ? machine.nowUs + 1e9 : lastUs);
    if (!found) throw new ScriptError('error handling packet: Timed out waiting for packet');
    const { connection, atUs } = found;
    const { packet, expected } = this.#cut(found, spec);
    const error = (wrong: string) =>
      new ScriptError(
        `error handling packet: ${wrong}\nscript packet: ${seconds(us ?? atUs)} ${event.text.replace(/^.*?>\s*/, '')}\nactual packet: ${seconds(atUs)} ${formatLive(packet, connection)}`,
      );
    const wrong = mismatch(expected, packet, connection, this.#settings);
    if (wrong !== undefined) throw error(wrong);
    const whole = expected === spec ? undefined : mismatch(spec, packet, connection, this.#settings);
    this.#tooShort = whole === undefined ? undefined : error(whole);
    if (us !== undefined) {
      try {
        this.#mustBeInTime('outbound packet', us, endUs, atUs);
      } catch (cause) {
        if (cause instanceof ScriptError) throw new ScriptError(`error handling packet: ${cause.message}`);
        throw cause;
      }
    }
    return atUs;
  }

  /** The script's packet and a live one where they cover the same bytes; what is left of the live one is for the next. */
  #cut(found: Found, spec: PacketSpec): { readonly packet: LivePacket; readonly expected: PacketSpec } {
    const { packet } = found;
    const live = spec.protocol === 'tcp' && packet.protocol === PROTOCOL.tcp ? decodeTcp(packet.payload) : undefined;
    this.#lastLength = live?.length ?? 0;
    if (!live || spec.protocol !== 'tcp' || this.#settings.strictSegments) return { packet, expected: spec };
    if (live.length === spec.length || live.length === 0 || spec.length === 0) return { packet, expected: spec };
    if (live.length < spec.length) {
      const flags = likePush(spec.flags.replace('F', ''), live.flags);
      return { packet, expected: { ...spec, length: live.length, flags } };
    }
    this.#lastLength = spec.length;
    const [head, tail] = split(packet, live, spec.length);
    this.#left = { ...found, packet: tail };
    return { packet: head, expected: { ...spec, flags: likePush(spec.flags, 0) } };
  }

  /** The next packet that leaves of the connection at hand; those of others are not looked at. */
  async #nextOf(spec: PacketSpec, untilUs: number): Promise<Found | undefined> {
    const left = this.#left;
    this.#left = undefined;
    if (left) return left;
    for (;;) {
      const frame: Frame | undefined = await this.#machine.nextFrame(untilUs);
      if (!frame) return undefined;
      const packet = decodeIp(frame.bytes);
      const atUs = this.#machine.usOf(frame.atNs);
      if (!packet || packet.from.length !== this.#settings.local.length) continue;
      if (packet.protocol === PROTOCOL.icmp || packet.protocol === PROTOCOL.icmpv6) {
        if (spec.protocol === 'icmp') return { packet, connection: undefined, atUs };
        continue;
      }
      if (spec.protocol === 'icmp') continue;
      const connection = this.#connections.forOutbound(packet);
      // A new connection of ours is at hand from now on; what older ones still send is not looked at.
      if (!connection || connection !== this.#connections.current) continue;
      return { packet, connection, atUs };
    }
  }

  // --- calls ---

  async #call(event: ScriptEvent, spec: CallSpec, base: number): Promise<void> {
    if (this.#blocking) await this.#endBlocking(this.#blocking);
    const made = callOf(spec.name)(this.#context, spec.args, spec.result);
    if (spec.endUs !== undefined) {
      const blocking: Blocking = { event, spec, made, endUs: base + spec.endUs, endedUs: undefined };
      const ended = () => {
        blocking.endedUs = this.#machine.nowUs;
      };
      made.then(ended, ended);
      this.#blocking = blocking;
      await this.#machine.kernel.engine.settled(this.#machine.kernel.init);
      return;
    }
    const returned = await this.#machine.returned(made);
    if (!returned) throw new ScriptError(`runtime error in ${spec.name} call: it did not return`);
    await this.#finish(spec, returned.value);
  }

  async #endBlocking(blocking: Blocking): Promise<void> {
    this.#blocking = undefined;
    const { event, spec, made } = blocking;
    try {
      const returned = await this.#machine.returned(made);
      if (!returned) throw new ScriptError(`runtime error in ${spec.name} call: it did not return`);
      this.#mustBeInTime('system call return', blocking.endUs, undefined, blocking.endedUs ?? this.#machine.nowUs);
      await this.#finish(spec, returned.value);
    } catch (cause) {
      throw placed(cause, event);
    }
  }

  async #finish(spec: CallSpec, { ret, isFd, check }: Made): Promise<void> {
    const { result, errno: expectedErrno } = spec;
    const wrong = (text: string) => new ScriptError(`runtime error in ${spec.name} call: ${text}`);
    const failed = ret < 0 && ret >= -4095;
    const got = failed ? `-1 with errno ${-ret} (${messageOf(-ret)})` : String(ret);
    if (result.kind === 'range') {
      if (isFd && !failed) throw wrong('a descriptor is one number, not a range of them');
      const [from, to] = [this.#context.number(result.from), this.#context.number(result.to)];
      const value = failed ? -1 : ret;
      if (value < from || value > to) throw wrong(`Expected result in range ${from}...${to} but got ${got}`);
    } else if (result.kind !== 'ellipsis') {
      const expected = this.#context.number(result);
      if (isFd && !failed && expected >= 0) this.#context.gotFd(result, ret);
      else if (failed ? expected !== -1 : expected !== ret) throw wrong(`Expected result ${expected} but got ${got}`);
    }
    if (expectedErrno !== undefined) {
      if (!failed) throw wrong(`Expected errno ${expectedErrno} but got success`);
      const expected = this.#context.values.words(expectedErrno);
      if (expected !== -ret) {
        throw wrong(`Expected errno ${expected} (${messageOf(expected)}) but got ${-ret} (${messageOf(-ret)})`);
      }
    }
    try {
      check?.();
    } catch (cause) {
      if (cause instanceof ScriptError) throw wrong(cause.message);
      throw cause;
    }
    await this.#context.done();
  }

  // --- code ---

  async #code(piece: Statement): Promise<void> {
    // A call that blocked and has returned by now leaves the script's task to others.
    if (this.#blocking?.endedUs !== undefined) await this.#endBlocking(this.#blocking);
    const info = await this.#tcpInfo();
    const { values } = this.#context;
    const get = (name: string): Value | undefined => {
      const known = info?.get(name);
      if (known !== undefined) return known;
      if (name.startsWith('tcpi_')) {
        if (!info)
          throw new ScriptError(`code: there is no connection with a descriptor whose ${name} could be asked for`);
        throw new ScriptError(`code: Linux has no ${name}`);
      }
      try {
        return values.words(name);
      } catch (cause) {
        if (cause instanceof ScriptError) return undefined;
        throw cause;
      }
    };
    try {
      this.#python.run(piece, { get });
    } catch (cause) {
      if (!(cause instanceof AssertionFailed)) throw cause;
      throw new ScriptError(`error executing code: ${cause.message}`);
    }
  }

  /** Of the connection at hand. */
  async #tcpInfo(): Promise<ReadonlyMap<string, number> | undefined> {
    const context = this.#context;
    const script = this.#connections.fd;
    const fd = script === undefined ? undefined : context.liveFd(script);
    if (fd === undefined || this.#blocking) return undefined;
    const length = await context.room(4);
    const at = await context.room(TCP_INFO_BYTES);
    context.memory.setU32(length, TCP_INFO_BYTES);
    const { values } = context;
    const ret = await context.make('getsockopt', fd, values.words('SOL_TCP'), values.words('TCP_INFO'), at, length);
    const bytes = context.memory.copy(at, context.memory.u32(length));
    await context.done();
    return ret === 0 ? tcpInfoNames(bytes) : undefined;
  }
}

const seconds = (us: number): string => (us / 1e6).toFixed(6);

function messageOf(number: number): string {
  const name = errnoName(number);
  return name ? errnos[name as ErrnoName].message : `errno ${number}`;
}

/** With the line of its event. */
function placed(cause: unknown, { line }: ScriptEvent): unknown {
  if (cause instanceof ScriptError) return cause.line === undefined ? new ScriptError(cause.message, line) : cause;
  // The time that a script may take is whoever's who runs it: that it is over is told of the run, wherever it was.
  if (cause instanceof KernelDead && cause.end === 'deadline') return cause;
  if (cause instanceof KernelError || cause instanceof KernelDead) return new ScriptError(cause.message, line);
  return cause;
}
