/** The results of a batch that is answered in one piece: within a budget, and not lost when the batch fails. */

import { HostError } from '../../errors/host-error.ts';
import { badCall, prefixOf } from '../bad-call.ts';
import type { CallResult } from '../language/types.ts';

/** Characters of JSON of all results. They pass by RPC, which takes 32 MiB, and are held in memory twice. */
const MAX_CHARS = 16 * 2 ** 20;

export interface KeptResults {
  /** Of `calls`, in order. */
  readonly results: readonly CallResult[];
  /** Of `tasks`, by name. */
  readonly tasks: ReadonlyMap<string, readonly CallResult[]>;
}

export class ResultKeeper implements KeptResults {
  readonly results: CallResult[] = [];
  readonly tasks = new Map<string, CallResult[]>();
  #chars = 0;

  /** Throws `bad-call` for a result that is too much. */
  keep(result: CallResult, task?: string): void {
    const list = task === undefined ? this.results : (this.tasks.get(task) ?? []);
    if (task !== undefined) this.tasks.set(task, list);
    this.#chars += JSON.stringify(result).length;
    if (this.#chars > MAX_CHARS) {
      const path = `${prefixOf(task)}/calls/${list.length}`;
      throw badCall('over-limit', path, `with what it wrote the results are more than ${MAX_CHARS} characters of JSON`);
    }
    list.push(result);
  }

  /** The error with the results until then: what those calls did is done. */
  explain(cause: unknown): unknown {
    if (!(cause instanceof HostError)) return cause;
    const { results } = this;
    const tasks = Object.fromEntries([...this.tasks].map(([name, results]) => [name, { results }]));
    const members = { ...cause.members, results, ...(this.tasks.size > 0 && { tasks }) };
    return new HostError(cause.kind, cause.message, { members, cause: cause.cause });
  }
}
