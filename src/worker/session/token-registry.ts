/** The Durable Object that keeps the rows of API tokens: never a token. */

import { DurableObject } from 'cloudflare:workers';
import { HostError } from '../../errors/host-error.ts';
import type { TokenRow } from '../access/token.ts';
import type { Bindings } from '../env.ts';
import { type Outcome, outcome } from './rpc.ts';

export interface TokenRegistryRpc {
  /** Rejects with `invalid-request` when there are too many. */
  add(row: TokenRow): Promise<Outcome<null>>;
  /** Null: unknown, revoked or expired. */
  find(sha256: string): Promise<Outcome<TokenRow | null>>;
  /** The same by its id. */
  get(id: string): Promise<Outcome<TokenRow | null>>;
  /** The key that links are signed with: this one, unless there is one. */
  linkKey(fresh: string): Promise<Outcome<string>>;
  list(): Promise<Outcome<readonly TokenRow[]>>;
  /** The same row with another hash. Rejects with `token-not-found`. */
  rotate(id: string, sha256: string): Promise<Outcome<TokenRow>>;
  revoke(id: string): Promise<Outcome<null>>;
}

/** Names the one object. */
export const REGISTRY = 'tokens';

const MAX_TOKENS = 1000;

type Stored = { readonly sha256: string; readonly row: string };

export function tokenRegistryClass(nowMs: () => number) {
  return class TokenRegistry extends DurableObject<Bindings> implements TokenRegistryRpc {
    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      state.storage.sql.exec('CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, sha256 TEXT UNIQUE, row TEXT)');
      state.storage.sql.exec('CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, key TEXT)');
    }

    #good(row: TokenRow | undefined): TokenRow | null {
      return row === undefined || (row.expiresMs !== undefined && row.expiresMs <= nowMs()) ? null : row;
    }

    #rows(where: string, ...values: string[]): TokenRow[] {
      return this.ctx.storage.sql
        .exec<Stored>(`SELECT sha256, row FROM tokens ${where} ORDER BY id`, ...values)
        .toArray()
        .map(({ sha256, row }) => ({ ...(JSON.parse(row) as TokenRow), sha256 }));
    }

    #known(id: string): TokenRow {
      const [row] = this.#rows('WHERE id = ?', id);
      if (row === undefined) throw new HostError('token-not-found', `there is no token ${id}`);
      return row;
    }

    add(row: TokenRow): Promise<Outcome<null>> {
      return outcome(async () => {
        if (this.#rows('').length >= MAX_TOKENS) {
          throw new HostError('invalid-request', `there are ${MAX_TOKENS} tokens: revoke some first`);
        }
        const { id, sha256 } = row;
        this.ctx.storage.sql.exec('INSERT INTO tokens VALUES (?, ?, ?)', id, sha256, JSON.stringify(row));
        return null;
      });
    }

    find(sha256: string): Promise<Outcome<TokenRow | null>> {
      return outcome(async () => {
        const [row] = this.#rows('WHERE sha256 = ?', sha256);
        return this.#good(row);
      });
    }

    get(id: string): Promise<Outcome<TokenRow | null>> {
      return outcome(async () => {
        const [row] = this.#rows('WHERE id = ?', id);
        return this.#good(row);
      });
    }

    linkKey(fresh: string): Promise<Outcome<string>> {
      return outcome(async () => {
        const { sql } = this.ctx.storage;
        sql.exec('INSERT OR IGNORE INTO keys VALUES (?, ?)', 'links', fresh);
        return sql.exec<{ key: string }>('SELECT key FROM keys WHERE name = ?', 'links').one().key;
      });
    }

    list(): Promise<Outcome<readonly TokenRow[]>> {
      return outcome(async () => this.#rows(''));
    }

    rotate(id: string, sha256: string): Promise<Outcome<TokenRow>> {
      return outcome(async () => {
        const row = this.#known(id);
        this.ctx.storage.sql.exec('UPDATE tokens SET sha256 = ? WHERE id = ?', sha256, id);
        return { ...row, sha256 };
      });
    }

    revoke(id: string): Promise<Outcome<null>> {
      return outcome(async () => {
        this.#known(id);
        this.ctx.storage.sql.exec('DELETE FROM tokens WHERE id = ?', id);
        return null;
      });
    }
  };
}
