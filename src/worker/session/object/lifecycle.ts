/** The life of a session as a state machine: the state it is in, and what each event makes of what is remembered of it. */

import { HostError } from '../../../errors/host-error.ts';
import type { SessionInfo, SessionRequest } from '../rpc.ts';

/** What is stored beside the kernel. */
export interface Meta {
  readonly createdMs: number;
  readonly request: SessionRequest;
  /** Of the images, as they were at first; null for an inline one. */
  readonly etags: readonly (string | null)[];
  /** It was used since it was last stored, or made when it never was. */
  readonly ahead: boolean;
  readonly hijack?: SessionInfo['hijack'];
  /** Its kernel may have keys of encrypted volumes in its memory: it is never stored. */
  readonly holdsKeys?: boolean;
  readonly suspended?: NonNullable<SessionInfo['suspended']>;
  readonly rolledBack?: { readonly toMs: number; readonly told: boolean };
  /** How its kernel died. */
  readonly ended?: { readonly end: string; readonly detail: string; readonly console: string };
}

export type LifeEvent =
  /** Something is about to be done with the kernel: what is stored is no longer all there is. */
  | { readonly type: 'used' }
  /** The kernel was stored whole. */
  | { readonly type: 'stored'; readonly as: NonNullable<Meta['suspended']> }
  /** There is a kernel in memory again: from the store, or made anew. */
  | { readonly type: 'woken' }
  /** A client heard that the session was rolled back. */
  | { readonly type: 'told' }
  /** The kernel is dead, or what is stored of it cannot go on. */
  | { readonly type: 'died'; readonly how: NonNullable<Meta['ended']> }
  /** It is a copy, made now, of the session that this was. */
  | { readonly type: 'copied'; readonly atMs: number };

/** What is remembered after an event. */
export function after(meta: Meta, event: LifeEvent): Meta {
  switch (event.type) {
    case 'used':
      return meta.ahead ? meta : { ...meta, ahead: true };
    case 'stored':
      return { ...meta, ahead: false, suspended: event.as };
    case 'woken':
      return meta.ahead ? rolledBack(meta) : meta;
    case 'told':
      return meta.rolledBack ? { ...meta, rolledBack: { ...meta.rolledBack, told: true } } : meta;
    case 'died':
      return { ...meta, ended: event.how };
    case 'copied': {
      const { rolledBack: _, ...rest } = meta;
      return { ...rest, createdMs: event.atMs };
    }
  }
}

/** The host lost a kernel that was ahead of the store: the session goes on from what was stored, or from its beginning. */
function rolledBack(meta: Meta): Meta {
  const toMs = meta.suspended?.atMs ?? meta.createdMs;
  return { ...meta, ahead: false, rolledBack: { toMs, told: false } };
}

/**
 * `none`: never made, or forgotten. `created`: made and never stored, and its kernel is lost: it will be made anew.
 * `running`: the kernel is in memory. `suspended`: it is in the store alone. `ended`: it died, and its log can be read.
 * `expired`: its time is over, whatever else it was; the next alarm forgets it.
 */
export type State = 'none' | 'created' | 'running' | 'suspended' | 'ended' | 'expired';

export function stateOf(meta: Meta | undefined, inMemory: boolean, nowMs: number): State {
  if (meta === undefined) return 'none';
  if (nowMs >= meta.request.expiresMs) return 'expired';
  if (meta.ended) return 'ended';
  if (inMemory) return 'running';
  return meta.suspended ? 'suspended' : 'created';
}

/** Throws `session-not-found` for one that nobody made, and for one whose time is over. */
export function mustBeKnown(meta: Meta | undefined, nowMs: number): Meta {
  if (meta === undefined || stateOf(meta, false, nowMs) === 'expired') throw new HostError('session-not-found');
  return meta;
}

/** Throws `session-ended` with the kernel's last words, beside what `mustBeKnown` throws. */
export function mustBeAlive(known: Meta | undefined, nowMs: number): Meta {
  const meta = mustBeKnown(known, nowMs);
  if (!meta.ended) return meta;
  const { end, detail, console } = meta.ended;
  throw new HostError('session-ended', `its kernel ended: ${detail}`, { members: { end, console } });
}

/** What a client is told. One that will be made anew is as good as suspended to it. */
export function infoOf(meta: Meta, inMemory: boolean, obstacle: string | undefined): SessionInfo {
  const { createdMs, request, hijack, suspended, rolledBack, ended } = meta;
  const { expiresMs, memoryMib, programMib, clock } = request;
  return {
    state: ended ? 'ended' : inMemory ? 'running' : 'suspended',
    createdMs,
    expiresMs,
    memoryMib,
    ...(programMib !== undefined && { programMib }),
    clock,
    ...(hijack && { hijack }),
    ...(suspended && { suspended }),
    ...(obstacle !== undefined && { obstacle }),
    ...(rolledBack && { rolledBackToMs: rolledBack.toMs }),
  };
}
