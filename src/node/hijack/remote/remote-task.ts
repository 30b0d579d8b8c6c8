/** A task of a session: its calls are made there, one list of the batch language for each, with what they point at sent before and fetched after. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import type { KernelMemory, Ptr } from '../../../kernel/memory.ts';
import type { KernelsTask } from '../program/kernel.ts';
import { type Mirror, Regions } from './mirror.ts';
import { wantedOf } from './read-back.ts';
import type { RemoteCall, RemoteResult } from './session-socket.ts';

/** Makes the calls of one list; answers all results. */
export type Make = (calls: readonly RemoteCall[]) => Promise<readonly RemoteResult[]>;

export interface RemoteTaskNeeds {
  readonly pid: number;
  readonly make: Make;
  readonly mirror: Mirror;
  /** A file of the session through which memory goes, and where in it the part of this task begins. */
  readonly file: { readonly fd: number; readonly at: number };
}

/** What a task has of the file: for what goes there, and for what comes. */
export const FILE_BYTES = 16 * 2 ** 20;
const COMES_AT = FILE_BYTES / 2;

export class RemoteTask implements KernelsTask {
  readonly pid: number;
  readonly memory: KernelMemory;
  scratch = 0 as Ptr;
  scratchBytes = 0;
  readonly #needs: RemoteTaskNeeds;
  readonly #regions: Regions;
  #last: Promise<unknown> = Promise.resolve();
  #calls = 0;
  gone = false;

  constructor(needs: RemoteTaskNeeds) {
    this.pid = needs.pid;
    this.#needs = needs;
    this.memory = needs.mirror.memory;
    this.#regions = new Regions(needs.mirror);
  }

  get inCall(): boolean {
    return this.#calls > 0;
  }

  /** Settles when all its calls have. */
  async rest(): Promise<void> {
    while (this.inCall) await this.#last;
  }

  /** Time is the session's. */
  pause(): () => void {
    return () => {};
  }
  attach(): void {}
  detach(): void {}
  waitForOutside<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  /** It has this memory of its own. */
  hasScratch(at: number, bytes: number): void {
    this.#regions.add(at, bytes);
    this.scratch = at as Ptr;
    this.scratchBytes = bytes;
  }

  syscall(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    this.#calls++;
    const made = this.#last.then(() => this.#make(name, args)).finally(() => this.#calls--);
    this.#last = made.catch(() => {});
    return made;
  }

  async #make(name: SyscallName, args: readonly (number | bigint)[]): Promise<number> {
    const { file, make } = this.#needs;
    const there = (at: number) => file.at + (at % COMES_AT);
    const calls: RemoteCall[] = [];
    for (const { at, bytes } of this.#regions.changed()) {
      const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
      calls.push({ call: 'pwrite64', args: [file.fd, { base64 }, bytes.length, there(at)] });
      calls.push({ call: 'pread64', args: [file.fd, at, bytes.length, there(at)] });
    }
    const mine = calls.length;
    const numbers = args.map((arg) => (typeof arg === 'bigint' ? String(arg) : arg));
    calls.push({ call: name, args: numbers });
    const wanted = wantedOf(name, args, this.scratch, (at) => this.#regions.room(at));
    const structs = wanted.filter(({ ofResult }) => !ofResult);
    const results = await make([...calls, ...structs.flatMap((one) => this.#fetching(one.at, one.bytes))]);
    const ret = results[mine]?.ret ?? 0;
    this.#came(structs, results.slice(mine + 1));
    if (name === 'exit') this.gone = true;
    if (name === 'mmap2' && (ret > 0 || ret < -4095)) this.#regions.add(ret >>> 0, Number(args[1]));
    if (name === 'munmap' && ret === 0) this.#regions.remove(Number(args[0]));
    // How much data there is is known by now.
    const data = wanted.filter(({ ofResult }) => ofResult && ret > 0);
    if (data.length > 0)
      this.#came(data, await make(data.flatMap(({ at, bytes }) => this.#fetching(at, Math.min(bytes, ret)))));
    return ret;
  }

  #fetching(at: number, bytes: number): readonly RemoteCall[] {
    const { file } = this.#needs;
    const from = file.at + COMES_AT + (at % COMES_AT);
    return [
      { call: 'pwrite64', args: [file.fd, at, bytes, from] },
      { call: 'pread64', args: [file.fd, { out: bytes }, bytes, from] },
    ];
  }

  #came(pieces: readonly { readonly at: number }[], results: readonly RemoteResult[]): void {
    for (const [i, { at }] of pieces.entries()) {
      const got = results[2 * i + 1];
      if (got?.ret && got.ret > 0) this.#regions.came(at, bytesOf(got.out, got.ret));
    }
  }
}

function bytesOf(out: unknown, length: number): Uint8Array {
  const base64 = out instanceof Object && 'base64' in out ? out.base64 : '';
  return new Uint8Array(Buffer.from(String(base64), 'base64')).subarray(0, length);
}
