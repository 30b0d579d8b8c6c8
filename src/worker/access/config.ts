/** Who is let in, as the bindings say: nobody, unless they say it. */

import type { Bindings } from '../env.ts';
import { isScope, type Scope, scopeNames } from './principal.ts';
import { boundRows } from './tokens.ts';

export interface AccessConfig {
  /** `OPEN=loopback`: whoever reaches it on the loopback interface may do everything. */
  readonly isOpen: boolean;
  /** What anybody may do. */
  readonly publicScopes: readonly Scope[];
  readonly team: { readonly issuer: string; readonly audience: string; readonly scopes: readonly Scope[] } | undefined;
  /** Pages of these may use it from a browser. */
  readonly origins: readonly string[];
  /** The binding has tokens. */
  readonly hasTokens: boolean;
}

/** What strangers may not have: they would share sessions, storage is the owner's, and a program that computes for ever holds an isolate. */
const NEVER_PUBLIC: readonly Scope[] = ['images:write', 'sessions', 'run', 'admin'];

/** Throws what is wrong, for whoever deploys. */
export function accessConfig(bindings: Bindings): AccessConfig {
  const { OPEN = '', PUBLIC_SCOPES, ACCESS_TEAM, ACCESS_AUDIENCE, ACCESS_SCOPES, ORIGINS } = bindings;
  if (OPEN !== '' && OPEN !== 'loopback') throw new Error(`OPEN is "${OPEN}": it can only be "loopback"`);
  const publicScopes = scopesIn('PUBLIC_SCOPES', PUBLIC_SCOPES) ?? [];
  const never = publicScopes.filter((scope) => NEVER_PUBLIC.includes(scope));
  if (never.length > 0) throw new Error(`PUBLIC_SCOPES cannot have ${never.join(', ')}`);
  if (ACCESS_TEAM && !ACCESS_AUDIENCE) throw new Error('ACCESS_TEAM wants ACCESS_AUDIENCE beside it');
  const everyday = scopeNames.filter((scope) => scope !== 'admin');
  return {
    isOpen: OPEN === 'loopback',
    publicScopes,
    team:
      ACCESS_TEAM && ACCESS_AUDIENCE
        ? {
            issuer: `https://${ACCESS_TEAM.replace(/\.cloudflareaccess\.com$/, '')}.cloudflareaccess.com`,
            audience: ACCESS_AUDIENCE,
            scopes: scopesIn('ACCESS_SCOPES', ACCESS_SCOPES) ?? everyday,
          }
        : undefined,
    origins: words(ORIGINS),
    hasTokens: boundRows(bindings).length > 0,
  };
}

const words = (text = ''): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

function scopesIn(name: string, text: string | undefined): readonly Scope[] | undefined {
  if (text === undefined || text === '') return undefined;
  return words(text).map((word) => {
    if (!isScope(word)) throw new Error(`${name}: ${word} is no scope: they are ${scopeNames.join(', ')}`);
    return word;
  });
}
