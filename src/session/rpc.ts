/** What the Worker and its Durable Objects say to each other: plain data, for errors lose their class on the way. */

import { HostError, type HostErrorName } from '../abi/host-error.ts';
import type { CallResult } from '../jobs/batch/types.ts';
import type { PlayedCall, TaskRequest } from '../jobs/batch-player.ts';
import type { KernelRequest } from '../jobs/kernel-setup.ts';
import type { BatchReport } from '../jobs/syscall-batch.ts';

export interface SessionRequest extends KernelRequest {
  readonly expiresMs: number;
}

/** A batch in one piece. */
export interface WholeBatch {
  readonly calls: readonly PlayedCall[];
  readonly tasks: Readonly<Record<string, TaskRequest>>;
  readonly onError: 'stop' | 'continue';
  readonly strace: boolean;
  readonly deadlineMs: number;
}

export interface WholeAnswer {
  readonly report: BatchReport;
  /** In the order in which they came; without a task: of `calls`. */
  readonly results: readonly { readonly task?: string; readonly result: CallResult }[];
  /** The host lost the kernel: these calls were made on it as it was when it was last suspended. */
  readonly rolledBack: boolean;
}

export interface SessionInfo {
  readonly state: 'running' | 'suspended' | 'ended';
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly memoryMib: number;
  readonly clock: KernelRequest['clock'];
  /** When it was last suspended, how long that took and how much was stored. */
  readonly suspended?: { readonly atMs: number; readonly tookMs: number; readonly bytes: number };
  /** Why it could not be suspended when that was last tried: it lives as long as the host lets it. */
  readonly obstacle?: string;
}

export type Outcome<T> =
  | { readonly value: T }
  | { readonly problem: { readonly kind: HostErrorName; readonly detail: string; readonly members: string } };

/** Runs in a Durable Object. */
export async function outcome<T>(action: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await action() };
  } catch (cause) {
    if (!(cause instanceof HostError)) throw cause;
    return { problem: { kind: cause.kind, detail: cause.message, members: JSON.stringify(cause.members) } };
  }
}

/** Runs in the Worker. */
export function valueIn<T>(answer: Outcome<T>): T {
  if ('value' in answer) return answer.value;
  const { kind, detail, members } = answer.problem;
  throw new HostError(kind, detail, { members: JSON.parse(members) });
}

/** One kernel. */
export interface SessionRpc {
  create(request: SessionRequest): Promise<Outcome<SessionInfo>>;
  info(): Promise<Outcome<SessionInfo>>;
  run(batch: WholeBatch): Promise<Outcome<WholeAnswer>>;
  /** Store it now; what this answers survives the host. */
  suspend(): Promise<Outcome<SessionInfo>>;
  /** Make the object of this name a copy. */
  fork(name: string): Promise<Outcome<SessionInfo>>;
  adopt(parts: ReadonlyMap<string, Uint8Array>): Promise<Outcome<SessionInfo>>;
  console(): Promise<Outcome<string>>;
  destroy(): Promise<Outcome<null>>;
}

export interface SessionRow {
  readonly id: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly memoryMib: number;
}

/** The sessions of one owner. */
export interface SessionIndexRpc {
  /** Rejects with `too-many-sessions` when it would be more than an owner may have. */
  admit(row: SessionRow): Promise<Outcome<null>>;
  get(id: string): Promise<Outcome<SessionRow | null>>;
  remove(id: string): Promise<Outcome<null>>;
  list(): Promise<Outcome<readonly SessionRow[]>>;
}
