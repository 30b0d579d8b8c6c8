/** What the Worker and its Durable Objects say to each other: plain data, for errors lose their class on the way. */

import type { KeptResults } from '../../batch/kept/result-keeper.ts';
import type { KernelRequest } from '../../batch/kernel-setup.ts';
import type { Advance, PlayedCall, TaskRequest } from '../../batch/player.ts';
import type { BatchReport } from '../../batch/syscall-batch.ts';
import { type Problem, ProblemError, ToldError } from '../../errors/problem.ts';
import type { Lease } from '../../network/dhcp/client.ts';
import type { HijackNote } from '../../simulation/hijack/hijack.ts';
import type { ByteRange, WantedRange } from '../../tree/byte-range.ts';
import type { OnError, Page } from '../../tree/files.ts';
import type { InterfaceInfo, NewInterface } from './interfaces/interfaces.ts';

export interface SessionRequest extends KernelRequest {
  readonly expiresMs: number;
  /** The principal whose seconds it uses. Sessions made before there was this have none. */
  readonly owner?: string;
  /** LKL's object, as it is. */
  readonly hijack?: unknown;
}

/** A batch in one piece. */
export interface WholeBatch {
  readonly calls: readonly PlayedCall[];
  readonly tasks: Readonly<Record<string, TaskRequest>>;
  readonly onError: 'stop' | 'continue';
  readonly strace: boolean;
  readonly deadlineMs: number;
  readonly advance?: Advance | undefined;
}

/** Of an answer of a live kernel. */
export interface Told {
  /** The host lost the kernel: this is of it as it was then. Told once. */
  readonly rolledBackToMs?: number;
}

export interface WholeAnswer extends Told {
  readonly report: BatchReport;
  readonly kept: KeptResults;
  /** The kernel's CLOCK_MONOTONIC at the end. */
  readonly nowNs: number;
  /** Why what was flushed could not be made to last. */
  readonly obstacle?: string;
}

/** What to answer of a path: a part of a file, a page of a directory. */
export interface WantedPath {
  readonly range?: WantedRange | undefined;
  readonly limit: number;
  readonly after?: Uint8Array | undefined;
  readonly onError?: OnError | undefined;
}

export type FoundPath = Told &
  (
    | ({ readonly type: 'directory' } & Page)
    | {
        readonly type: 'file';
        /** Absent: its end is where it ends. */
        readonly sizeBytes?: number;
        /** Of it, what `body` has; absent: all. */
        readonly range?: ByteRange;
        readonly body: ReadableStream<Uint8Array>;
      }
  );

/** The bytes of a disk, or a part of them. */
export interface FoundDisk extends Told {
  readonly sizeBytes: number;
  /** Of it, what `body` has; absent: all. */
  readonly range?: ByteRange;
  readonly body: ReadableStream<Uint8Array>;
}

export interface FileBody {
  readonly path: Uint8Array;
  readonly mode: number | undefined;
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface SessionInfo {
  readonly state: 'running' | 'suspended' | 'ended';
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly memoryMib: number;
  readonly programMib?: number;
  readonly clock: KernelRequest['clock'];
  /** What became of the keys of the hijack object. */
  readonly hijack?: readonly HijackNote[];
  /** When it was last stored, how long that took and how much it was. */
  readonly suspended?: { readonly atMs: number; readonly tookMs: number; readonly bytes: number };
  /** Why it could not be suspended when that was last tried: it lives as long as the host lets it. */
  readonly obstacle?: string;
  /** The host lost the kernel: it went on from what it was then. */
  readonly rolledBackToMs?: number;
}

/** A program that is run in a session. */
export interface ProgramCall {
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly stdin: Uint8Array | undefined;
  readonly deadlineMs: number;
  /** Of its output. */
  readonly mostBytes: number;
}

export interface ProgramAnswer extends Told {
  readonly exitCode?: number;
  readonly signal?: number;
  readonly timedOut: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Programs that it left running: while there are any, the session is not suspended. */
  readonly running: readonly { readonly name: string; readonly pid: number }[];
  /** Why what was flushed could not be made to last. */
  readonly obstacle?: string;
}

/** Errors lose their class on the way: what a call answers is a value or a problem. */
export type Outcome<T> = { readonly value: T } | { readonly problem: Problem };

/** Runs in a Durable Object. What has no name is thrown: the runtime logs it, and may start the object again. */
export async function outcome<T>(action: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await action() };
  } catch (cause) {
    if (!(cause instanceof ProblemError)) throw cause;
    return { problem: cause.problem };
  }
}

/** Runs in the Worker. */
export function valueIn<T>(answer: Outcome<T>): T {
  if ('value' in answer) return answer.value;
  throw new ToldError(answer.problem);
}

/** A card, and what it is connected with at once. */
export interface InterfaceRequest extends NewInterface {
  /** An interface of another session, by the name of its object. */
  readonly link?: { readonly object: string; readonly interface: string } | undefined;
  /** A network of its own that reaches the world, where the owner of the service lets sessions out. */
  readonly user?: boolean | undefined;
  /** Ask for an address. */
  readonly dhcp?: boolean | undefined;
}

export interface AddedInterface extends InterfaceInfo {
  readonly lease?: Lease;
}

/** One kernel. */
export interface SessionRpc {
  /** `secrets` open encrypted volumes; the request is stored, they are not. */
  create(request: SessionRequest, secrets?: readonly Uint8Array[]): Promise<Outcome<SessionInfo>>;
  info(): Promise<Outcome<SessionInfo>>;
  run(batch: WholeBatch): Promise<Outcome<WholeAnswer>>;
  /** Runs a program to its end. Batches wait. */
  exec(call: ProgramCall): Promise<Outcome<ProgramAnswer>>;
  /** Store it now; what this answers survives the host. */
  suspend(): Promise<Outcome<SessionInfo>>;
  /** Make the object of this name a copy. */
  fork(name: string): Promise<Outcome<SessionInfo>>;
  adopt(parts: ReadonlyMap<string, Uint8Array>): Promise<Outcome<SessionInfo>>;
  console(): Promise<Outcome<string>>;
  strace(): Promise<Outcome<string>>;
  /** Batches wait until the body has been taken, or the client is gone. */
  openPath(path: Uint8Array, wanted: WantedPath): Promise<Outcome<FoundPath>>;
  /** The disk of this name as it is now. Batches wait until it has been taken, or the client is gone. */
  openDisk(name: string, wanted: WantedRange | undefined): Promise<Outcome<FoundDisk>>;
  interfaces(): Promise<Outcome<readonly InterfaceInfo[]>>;
  addInterface(request: InterfaceRequest): Promise<Outcome<AddedInterface>>;
  removeInterface(name: string): Promise<Outcome<null>>;
  saveFile(file: FileBody): Promise<Outcome<Told & { readonly created: boolean }>>;
  destroy(): Promise<Outcome<null>>;
}

export interface SessionRow {
  readonly id: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly memoryMib: number;
}

/** What an owner may have at a time. */
export interface MostSessions {
  readonly sessions?: number | undefined;
  readonly memoryMib?: number | undefined;
}

/** What an owner has of that. */
export interface CountedSessions {
  readonly sessions: number;
  readonly memoryMib: number;
}

/** The sessions of one owner. */
export interface SessionIndexRpc {
  /** Rejects with `too-many-sessions` when it would be more than an owner may have. */
  admit(row: SessionRow, most?: MostSessions): Promise<Outcome<null>>;
  /** It has been made: until then it counts, but nobody finds it. */
  confirm(id: string): Promise<Outcome<null>>;
  get(id: string): Promise<Outcome<SessionRow | null>>;
  remove(id: string): Promise<Outcome<null>>;
  list(): Promise<Outcome<readonly SessionRow[]>>;
  /** What counts of all that an owner may have: those that are being made too. */
  counted(): Promise<Outcome<CountedSessions>>;
}
