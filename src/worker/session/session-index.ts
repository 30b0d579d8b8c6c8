/** The Durable Object that knows the sessions of one owner, and how many that may be. */

import { DurableObject } from 'cloudflare:workers';
import { HostError } from '../../errors/host-error.ts';
import type { Bindings } from '../env.ts';
import {
  type CountedSessions,
  type MostSessions,
  type Outcome,
  outcome,
  type SessionIndexRpc,
  type SessionRow,
} from './rpc.ts';

/** What one owner may have at a time where nothing else is said. */
const MAX_SESSIONS = 16;
const MAX_MEMORY_MIB = 512;
/** Longer than making one can take. */
const MAKING_MS = 60_000;

type Row = { id: string; createdMs: number; expiresMs: number; memoryMib: number };

export function sessionIndexClass(nowMs: () => number) {
  return class SessionIndex extends DurableObject<Bindings> implements SessionIndexRpc {
    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      state.storage.sql.exec(
        'CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, createdMs INTEGER, expiresMs INTEGER, memoryMib INTEGER)',
      );
      // Those that are being made. A host that is killed meanwhile leaves its row here, for as long as making one takes.
      state.storage.sql.exec('CREATE TABLE IF NOT EXISTS pending (id TEXT PRIMARY KEY, untilMs INTEGER)');
    }

    #rows(): Row[] {
      const { sql } = this.ctx.storage;
      sql.exec('DELETE FROM sessions WHERE id IN (SELECT id FROM pending WHERE untilMs <= ?)', nowMs());
      sql.exec('DELETE FROM pending WHERE untilMs <= ?', nowMs());
      sql.exec('DELETE FROM sessions WHERE expiresMs <= ?', nowMs());
      return sql.exec<Row>('SELECT * FROM sessions ORDER BY createdMs, id').toArray();
    }

    #counted(): CountedSessions {
      const rows = this.#rows();
      return { sessions: rows.length, memoryMib: rows.reduce((sum, { memoryMib }) => sum + memoryMib, 0) };
    }

    counted(): Promise<Outcome<CountedSessions>> {
      return outcome(async () => this.#counted());
    }

    admit({ id, createdMs, expiresMs, memoryMib }: SessionRow, most: MostSessions = {}): Promise<Outcome<null>> {
      return outcome(async () => {
        const used = this.#counted();
        const { sessions = MAX_SESSIONS, memoryMib: mostMib = MAX_MEMORY_MIB } = most;
        if (used.sessions >= sessions || used.memoryMib + memoryMib > mostMib) {
          const there = `there are ${used.sessions} and ${used.memoryMib} MiB`;
          const detail = `at most ${sessions} sessions and ${mostMib} MiB: ${there}`;
          const members = { sessions: used.sessions, memory_mib: used.memoryMib };
          throw new HostError('too-many-sessions', detail, { members });
        }
        this.ctx.storage.sql.exec('INSERT INTO sessions VALUES (?, ?, ?, ?)', id, createdMs, expiresMs, memoryMib);
        this.ctx.storage.sql.exec('INSERT INTO pending VALUES (?, ?)', id, nowMs() + MAKING_MS);
        return null;
      });
    }

    confirm(id: string): Promise<Outcome<null>> {
      return outcome(async () => {
        // Making it took so long that it was taken for given up: it counts no more, so it may not be.
        if (!this.#rows().some((row) => row.id === id))
          throw new HostError('kernel-busy', 'it took too long to make it');
        this.ctx.storage.sql.exec('DELETE FROM pending WHERE id = ?', id);
        return null;
      });
    }

    /** Those that are there: one that is being made counts, but is not yet. */
    #made(): Row[] {
      const rows = this.#rows();
      const pending = this.ctx.storage.sql.exec<{ id: string }>('SELECT id FROM pending').toArray();
      return rows.filter(({ id }) => !pending.some((one) => one.id === id));
    }

    get(id: string): Promise<Outcome<SessionRow | null>> {
      return outcome(async () => this.#made().find((row) => row.id === id) ?? null);
    }

    remove(id: string): Promise<Outcome<null>> {
      return outcome(async () => {
        this.ctx.storage.sql.exec('DELETE FROM sessions WHERE id = ?', id);
        this.ctx.storage.sql.exec('DELETE FROM pending WHERE id = ?', id);
        return null;
      });
    }

    list(): Promise<Outcome<readonly SessionRow[]>> {
      return outcome(async () => this.#made());
    }
  };
}
