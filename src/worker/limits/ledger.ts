/** The Durable Object that counts what one principal uses, exactly, wherever his requests arrive. */

import { DurableObject } from 'cloudflare:workers';
import type { Bindings } from '../env.ts';
import { type Outcome, outcome } from '../session/rpc.ts';
import { mustHaveSeconds } from './kernel-seconds.ts';
import type { Held, LedgerRpc, Used } from './ledger-rpc.ts';
import { overQuota, type Quotas } from './quotas.ts';

const MINUTE_MS = 60_000;
/** As long as R2 keeps an upload that nobody ends. */
const RESERVED_MS = 7 * 86_400_000;

type Sum = { bytes: number };

export function ledgerClass(nowMs: () => number) {
  return class Ledger extends DurableObject<Bindings> implements LedgerRpc {
    /** In memory: an object that nobody asks for a minute may forget it. */
    #minute = { at: 0, requests: 0, kernelSeconds: 0 };
    /** The same: whoever has one that runs for long says so again. */
    readonly #kernels = new Map<string, { readonly mib: number; readonly untilMs: number }>();

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      state.storage.sql.exec('CREATE TABLE IF NOT EXISTS images (name TEXT PRIMARY KEY, bytes INTEGER)');
      state.storage.sql.exec(
        'CREATE TABLE IF NOT EXISTS reserved (key TEXT PRIMARY KEY, bytes INTEGER, untilMs INTEGER)',
      );
    }

    #now() {
      const at = Math.floor(nowMs() / MINUTE_MS);
      if (this.#minute.at !== at) this.#minute = { at, requests: 0, kernelSeconds: 0 };
      return this.#minute;
    }

    #used(): Used {
      const { at, requests, kernelSeconds } = this.#now();
      return { requests, kernelSeconds, resetS: Math.ceil(((at + 1) * MINUTE_MS - nowMs()) / 1000) };
    }

    admit({ requests_per_minute = Infinity }: Quotas): Promise<Outcome<Used>> {
      return outcome(async () => {
        const minute = this.#now();
        const { resetS } = this.#used();
        if (minute.requests >= requests_per_minute) {
          throw overQuota('requests_per_minute', requests_per_minute, `Come back in ${resetS} s.`, resetS);
        }
        minute.requests++;
        return this.#used();
      });
    }

    enter(id: string, mib: number, quotas: Quotas, forMs: number) {
      return outcome(async () => {
        const { kernels = Infinity, kernel_mib = Infinity } = quotas;
        const now = nowMs();
        if (!this.#kernels.has(id)) mustHaveSeconds(quotas, this.#used());
        let heldMib = 0;
        for (const [other, held] of this.#kernels) {
          if (other === id || held.untilMs <= now) this.#kernels.delete(other);
          else heldMib += held.mib;
        }
        const { size } = this.#kernels;
        if (size >= kernels) throw overQuota('kernels', kernels, `${size} run.`, 1);
        if (heldMib + mib > kernel_mib) {
          throw overQuota('kernel_mib', kernel_mib, `${heldMib} are in use, and ${mib} more wanted.`, 1);
        }
        this.#kernels.set(id, { mib, untilMs: now + forMs });
        return null;
      });
    }

    spend(seconds: number, gone: readonly string[] = []): Promise<Outcome<Used>> {
      return outcome(async () => {
        for (const id of gone) this.#kernels.delete(id);
        this.#now().kernelSeconds += seconds;
        return this.#used();
      });
    }

    #stored(): number {
      const { sql } = this.ctx.storage;
      sql.exec('DELETE FROM reserved WHERE untilMs <= ?', nowMs());
      const sum = (table: string) => sql.exec<Sum>(`SELECT coalesce(sum(bytes), 0) AS bytes FROM ${table}`).one().bytes;
      return sum('images') + sum('reserved');
    }

    reserve(key: string, bytes: number, { stored_bytes = Infinity }: Quotas): Promise<Outcome<null>> {
      return outcome(async () => {
        const { sql } = this.ctx.storage;
        // The same key again: a part that is sent once more.
        sql.exec('DELETE FROM reserved WHERE key = ?', key);
        const stored = this.#stored();
        if (stored + bytes > stored_bytes) {
          throw overQuota(
            'stored_bytes',
            stored_bytes,
            `There are ${stored}, and ${bytes} more do not fit: delete some.`,
          );
        }
        sql.exec('INSERT INTO reserved VALUES (?, ?, ?)', key, bytes, nowMs() + RESERVED_MS);
        return null;
      });
    }

    free(prefix: string): Promise<Outcome<null>> {
      return outcome(async () => {
        this.ctx.storage.sql.exec('DELETE FROM reserved WHERE substr(key, 1, ?) = ?', prefix.length, prefix);
        return null;
      });
    }

    hold(name: string, bytes: number): Promise<Outcome<null>> {
      return outcome(async () => {
        const { sql } = this.ctx.storage;
        if (bytes === 0) sql.exec('DELETE FROM images WHERE name = ?', name);
        else sql.exec('INSERT OR REPLACE INTO images VALUES (?, ?)', name, bytes);
        return null;
      });
    }

    grow(name: string, bytes: number): Promise<Outcome<null>> {
      return outcome(async () => {
        const { sql } = this.ctx.storage;
        sql.exec('INSERT OR IGNORE INTO images VALUES (?, 0)', name);
        sql.exec('UPDATE images SET bytes = max(0, bytes + ?) WHERE name = ?', bytes, name);
        return null;
      });
    }

    held(): Promise<Outcome<Held>> {
      return outcome(async () => {
        const running = [...this.#kernels.values()].filter(({ untilMs }) => untilMs > nowMs());
        const kernelMib = running.reduce((sum, { mib }) => sum + mib, 0);
        return { ...this.#used(), kernels: running.length, kernelMib, storedBytes: this.#stored() };
      });
    }
  };
}
