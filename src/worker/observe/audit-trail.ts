/** The Durable Object that keeps the audit trail. */

import { DurableObject } from 'cloudflare:workers';
import type { Bindings } from '../env.ts';
import { type Outcome, outcome } from '../session/rpc.ts';
import type { AuditEntry, AuditPage, AuditQuery } from './audit.ts';

export interface AuditTrailRpc {
  add(entry: AuditEntry): Promise<Outcome<null>>;
  list(query: AuditQuery): Promise<Outcome<AuditPage>>;
}

/** Names the one object. */
export const TRAIL = 'audit';

/** What is older, or more, goes. */
const KEPT_MS = 90 * 86_400_000;
const KEPT_ROWS = 1_000_000;
/** So often that is looked after. */
const PRUNE_EVERY = 1000;

type Row = { id: number; entry: string };

export function auditTrailClass(nowMs: () => number) {
  return class AuditTrail extends DurableObject<Bindings> implements AuditTrailRpc {
    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      state.storage.sql.exec(
        `CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY AUTOINCREMENT, atMs INTEGER, principal TEXT,
          operation TEXT, image TEXT, entry TEXT)`,
      );
      for (const column of ['atMs', 'principal', 'image']) {
        state.storage.sql.exec(`CREATE INDEX IF NOT EXISTS by_${column} ON entries (${column}, id)`);
      }
    }

    add(entry: AuditEntry): Promise<Outcome<null>> {
      return outcome(async () => {
        const { atMs, principal, operation, image = null } = entry;
        const { sql } = this.ctx.storage;
        const { id } = sql
          .exec<{ id: number }>(
            'INSERT INTO entries (atMs, principal, operation, image, entry) VALUES (?, ?, ?, ?, ?) RETURNING id',
            atMs,
            principal,
            operation,
            image,
            JSON.stringify(entry),
          )
          .one();
        if (id % PRUNE_EVERY === 0) {
          sql.exec('DELETE FROM entries WHERE atMs < ? OR id <= ?', nowMs() - KEPT_MS, id - KEPT_ROWS);
        }
        return null;
      });
    }

    list({ limit, before, principal, image, operation, sinceMs }: AuditQuery): Promise<Outcome<AuditPage>> {
      return outcome(async () => {
        const rows = this.ctx.storage.sql
          .exec<Row>(
            `SELECT id, entry FROM entries WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR principal = ?2)
              AND (?3 IS NULL OR image = ?3) AND (?4 IS NULL OR operation = ?4) AND (?5 IS NULL OR atMs >= ?5)
              ORDER BY id DESC LIMIT ?6`,
            before ?? null,
            principal ?? null,
            image ?? null,
            operation ?? null,
            sinceMs ?? null,
            limit + 1,
          )
          .toArray();
        const page = rows.slice(0, limit);
        const last = page.at(-1)?.id;
        return {
          entries: page.map(({ entry }) => JSON.parse(entry) as AuditEntry),
          ...(rows.length > limit && last !== undefined && { before: last }),
        };
      });
    }
  };
}
