/** What a call of a script is made with: memory of the caller, its descriptors, and what the script's words mean. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import { mapBuffer, unmapBuffer } from '../../../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import type { Expression } from '../../language/script.ts';
import { ScriptError } from '../../language/script-error.ts';
import type { Connections } from '../connections.ts';
import type { Machine } from '../machine.ts';
import type { Settings } from '../settings.ts';
import { Values } from '../values.ts';

/** Bytes that one call may read or write. */
const MAX_BYTES = 16 * 2 ** 20;
const ALIGN = 16;

export class CallContext {
  readonly machine: Machine;
  readonly settings: Settings;
  readonly connections: Connections;
  readonly values: Values;
  /** When the script's time was 0, by the date. */
  realtimeNs = 0;
  readonly #fds = new Map<number, number>();
  #used = 0;
  readonly #mapped: UserBuffer[] = [];

  constructor(machine: Machine, settings: Settings, connections: Connections) {
    this.machine = machine;
    this.settings = settings;
    this.connections = connections;
    this.values = new Values(settings);
  }

  get memory() {
    return this.machine.caller.memory;
  }

  make(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    return this.machine.call(name, ...args);
  }

  /** Memory for so many bytes, zeroed, until the call is over. */
  async room(bytes: number): Promise<Ptr> {
    if (bytes > MAX_BYTES || bytes < 0) throw new ScriptError(`${bytes} bytes are more than a call may have here`);
    const { caller, kernel } = this.machine;
    if (this.#used + bytes <= caller.scratchBytes) {
      const at = plus(caller.scratch, this.#used);
      this.#used += Math.ceil(bytes / ALIGN) * ALIGN;
      this.memory.view(at, bytes).fill(0);
      return at;
    }
    caller.attach();
    const buffer = await mapBuffer(caller, 2 ** Math.ceil(Math.log2(bytes)));
    this.#mapped.push(buffer);
    kernel.engine.holdTime(kernel.engine.turn());
    caller.detach();
    return buffer.at;
  }

  async put(bytes: Uint8Array): Promise<Ptr> {
    const at = await this.room(bytes.length);
    this.memory.write(at, bytes);
    return at;
  }

  async text(text: string): Promise<Ptr> {
    return this.put(new TextEncoder().encode(`${text}\0`));
  }

  /** The call is over. */
  async done(): Promise<void> {
    this.#used = 0;
    const { caller } = this.machine;
    if (this.#mapped.length === 0) return;
    caller.attach();
    for (const buffer of this.#mapped.splice(0)) await unmapBuffer(caller, buffer);
    caller.detach();
  }

  number(expression: Expression | undefined): number {
    return this.values.number(expression);
  }

  /** The kernel's descriptor for one of the script's. One that the script never got is as it is. */
  fd(expression: Expression | undefined): number {
    const script = this.number(expression);
    return this.#fds.get(script) ?? script;
  }

  /** The call answered a new descriptor, where the script has this number. */
  gotFd(expected: Expression | undefined, live: number): number {
    const script = expected === undefined || expected.kind === 'ellipsis' ? live : this.number(expected);
    this.#fds.set(script, live);
    return script;
  }

  liveFd(script: number): number | undefined {
    return this.#fds.get(script);
  }

  lostFd(script: number): void {
    this.#fds.delete(script);
  }
}

/** What came of a call. */
export interface Made {
  readonly ret: number;
  /** The answer is a descriptor. */
  readonly isFd?: true;
  /** Looks at what it wrote; throws a `ScriptError`. */
  readonly check?: () => void;
}

export type Call = (context: CallContext, args: readonly Expression[], expected: Expression) => Promise<Made>;

export function mustEqual(what: string, expected: number, actual: number): void {
  if (expected !== actual) throw new ScriptError(`Bad ${what}: expected: ${expected} actual: ${actual}`);
}
