/** Tokens as requests show them and as their owner manages them: those of a binding, and those of the registry. */

import { HostError } from '../../errors/host-error.ts';
import type { Bindings } from '../env.ts';
import { valueIn } from '../session/rpc.ts';
import { REGISTRY, type TokenRegistryRpc } from '../session/token-registry.ts';
import type { Scope } from './principal.ts';
import { idOf, newId, newKey, newToken, rowsIn, sha256Hex, type TokenRow } from './token.ts';

export interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly images?: readonly string[];
  readonly expiresMs?: number;
}

/** Given out once. */
export interface GivenToken {
  readonly token: string;
  readonly row: TokenRow;
}

export interface TokenJobs {
  create(request: NewToken): Promise<GivenToken>;
  list(): Promise<readonly TokenRow[]>;
  /** Another secret for the same principal: his sessions stay his. */
  rotate(id: string): Promise<GivenToken>;
  revoke(id: string): Promise<void>;
  /** Rejects with `bad-token`. */
  rowOf(token: string): Promise<TokenRow>;
  /** Undefined: unknown, revoked or expired. */
  rowById(id: string): Promise<TokenRow | undefined>;
  /** What links are signed with. */
  linkKey(): Promise<string>;
}

export interface TokensNeeds {
  readonly bindings: Pick<Bindings, 'TOKENS' | 'TOKEN_REGISTRY'>;
  readonly random: (bytes: number) => Uint8Array;
  readonly nowMs: () => number;
}

/** A token that was good is asked for again after so long, and one that is revoked is good for as long. */
const KNOWN_MS = 5_000;
const MAX_KNOWN = 256;

/** By hash, of an isolate. */
const known = new Map<string, { readonly row: TokenRow; readonly sinceMs: number }>();
/** The same for all isolates, once one has made it. */
let linkKey: string | undefined;
let parsed: { readonly text: string; readonly rows: readonly TokenRow[] } | undefined;

/** Rows of the binding. */
export function boundRows({ TOKENS: text }: Pick<Bindings, 'TOKENS'>): readonly TokenRow[] {
  if (text === undefined || text.trim() === '') return [];
  if (parsed?.text !== text) parsed = { text, rows: rowsIn(text) };
  return parsed.rows;
}

export function tokenJobs({ bindings, random, nowMs }: TokensNeeds): TokenJobs {
  const registry = () => bindings.TOKEN_REGISTRY.getByName(REGISTRY) as unknown as TokenRegistryRpc;

  const isGood = ({ expiresMs }: TokenRow) => expiresMs === undefined || expiresMs > nowMs();

  async function rowOf(token: string): Promise<TokenRow> {
    if (idOf(token) === undefined) throw new HostError('bad-token', 'this is no token of this service');
    const sha256 = await sha256Hex(token);
    const bound = boundRows(bindings).find((row) => row.sha256 === sha256);
    if (bound) {
      if (!isGood(bound)) throw new HostError('bad-token');
      return bound;
    }
    const remembered = known.get(sha256);
    // A clock that was set back does not make it be known for longer.
    const ageMs = nowMs() - (remembered?.sinceMs ?? 0);
    if (remembered && ageMs >= 0 && ageMs < KNOWN_MS && isGood(remembered.row)) return remembered.row;
    known.delete(sha256);
    const row = valueIn(await registry().find(sha256));
    if (row === null) throw new HostError('bad-token');
    const [oldest] = known.keys();
    if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    known.set(sha256, { row, sinceMs: nowMs() });
    return row;
  }

  async function rowById(id: string): Promise<TokenRow | undefined> {
    const bound = boundRows(bindings).find((row) => row.id === id);
    if (bound) return isGood(bound) ? bound : undefined;
    return valueIn(await registry().get(id)) ?? undefined;
  }

  function mustBeRegistered(id: string): void {
    if (!boundRows(bindings).some((row) => row.id === id)) return;
    throw new HostError('forbidden', `token ${id} is one of the binding TOKENS: it is changed and taken out there`);
  }

  return {
    rowOf,
    rowById,
    async linkKey() {
      linkKey ??= valueIn(await registry().linkKey(newKey(random)));
      return linkKey;
    },
    async create({ name, scopes, images, expiresMs }) {
      const id = newId(random);
      const token = newToken(id, random);
      const row: TokenRow = {
        id,
        name,
        sha256: await sha256Hex(token),
        scopes,
        ...(images && { images }),
        createdMs: nowMs(),
        ...(expiresMs !== undefined && { expiresMs }),
      };
      valueIn(await registry().add(row));
      return { token, row };
    },
    list: async () => [...boundRows(bindings), ...valueIn(await registry().list())],
    async rotate(id) {
      mustBeRegistered(id);
      const token = newToken(id, random);
      const row = valueIn(await registry().rotate(id, await sha256Hex(token)));
      known.clear();
      return { token, row };
    },
    async revoke(id) {
      mustBeRegistered(id);
      valueIn(await registry().revoke(id));
      known.clear();
    },
  };
}
