/** Who makes a request, and what he may do. */

import { HostError } from '../../errors/host-error.ts';

/** What there is to be allowed, each with one sentence. */
export const scopes = {
  'images:read': 'Look images up and read what is in them.',
  'images:write': 'Store, replace and delete images.',
  convert: 'Turn an image that is sent along into a tar.',
  syscalls: 'Make system calls on a fresh kernel.',
  run: 'Run programs.',
  sessions: 'Have kernels that stay.',
  simulate: 'Run networks and packetdrill scripts in virtual time.',
  admin: 'All of these, and say who may what.',
} as const;

export type Scope = keyof typeof scopes;
export const scopeNames = Object.keys(scopes) as Scope[];
export const isScope = (name: string): name is Scope => Object.hasOwn(scopes, name);

export interface Principal {
  /** Stable: sessions are his who has it, whatever he shows to prove it. */
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Beginnings of names: of the images that he may read or write beside his own and those that are nobody's. */
  readonly imagePrefixes?: readonly string[];
  /** A browser would send what proves it along unasked, for whatever page asks: other sites' pages are not let through. */
  readonly ambient: boolean;
}

export const hasScope = (principal: Principal, scope: Scope): boolean =>
  principal.scopes.includes(scope) || principal.scopes.includes('admin');

/** Images belong to whoever made them; who has the beginnings of names has others' too, and who has `admin` has all. */
export const hasImage = (principal: Principal, name: string, owner: string | undefined): boolean =>
  principal.scopes.includes('admin') ||
  hasName(principal, name) ||
  owner === principal.id ||
  isNobodys(principal, owner);

/** What came into the bucket another way is for everybody who may name it. */
const isNobodys = ({ imagePrefixes }: Principal, owner: string | undefined): boolean =>
  owner === undefined && imagePrefixes === undefined;

export const hasName = ({ imagePrefixes = [] }: Principal, name: string): boolean =>
  imagePrefixes.some((prefix) => name.startsWith(prefix));

/** Throws `forbidden`. */
export function mustHaveScope(principal: Principal, scope: Scope): void {
  if (hasScope(principal, scope)) return;
  throw new HostError('forbidden', `this takes the scope ${scope}: ${scopes[scope]}`, { members: { scope } });
}

/** Throws `forbidden`, for an image that another has, or for a name that is not among the principal's. */
export function refuseImage({ imagePrefixes }: Principal, scope: 'images:read' | 'images:write', name: string): never {
  const which = imagePrefixes?.map((prefix) => `${prefix}*`).join(', ');
  const detail =
    which === undefined
      ? `image ${name} belongs to another`
      : `image ${name} is not among those that may be used: ${which}`;
  throw new HostError('forbidden', detail, { members: { scope } });
}
