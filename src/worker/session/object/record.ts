/** What is remembered of a session: in memory and in its store, always the same. */

import { HostError } from '../../../errors/host-error.ts';
import type { Told } from '../rpc.ts';
import { fromJson, type Parts, type SessionStore, toJson } from '../store.ts';
import { after, type LifeEvent, type Meta, mustBeAlive, mustBeKnown, stateOf } from './lifecycle.ts';

export class SessionRecord {
  readonly #store: SessionStore;
  readonly #nowMs: () => number;
  #meta: Meta | undefined;
  #doomed = false;

  constructor(store: SessionStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
    const meta = store.get('meta');
    this.#meta = meta && fromJson<Meta>(meta);
  }

  /** Undefined before it is made and after it is forgotten. */
  get meta(): Meta | undefined {
    return this.#meta;
  }

  /** It was forgotten: nothing is remembered any more. */
  get doomed(): boolean {
    return this.#doomed;
  }

  get expired(): boolean {
    return stateOf(this.#meta, false, this.#nowMs()) === 'expired';
  }

  known(): Meta {
    return mustBeKnown(this.#meta, this.#nowMs());
  }

  alive(): Meta {
    return mustBeAlive(this.#meta, this.#nowMs());
  }

  parts(): Parts {
    return this.#store.all();
  }

  remember(meta: Meta): void {
    if (this.#doomed) throw new HostError('session-not-found');
    this.#meta = meta;
    this.#store.put('meta', toJson(meta));
  }

  /** An event that changes nothing writes nothing. */
  note(event: LifeEvent): void {
    const meta = this.known();
    const next = after(meta, event);
    if (next !== meta) this.remember(next);
  }

  /** An event with which all that is stored is replaced at once. */
  noteWith(event: LifeEvent, parts: Parts): void {
    const meta = after(this.known(), event);
    this.#store.replace(new Map(parts).set('meta', toJson(meta)));
    this.#meta = meta;
  }

  /** Become a copy of the session whose parts these are. */
  adopt(parts: Parts): void {
    if (this.#doomed) throw new HostError('session-not-found');
    this.#store.replace(parts);
    const meta = fromJson<Meta>(parts.get('meta') ?? toJson(null));
    this.remember(after(meta, { type: 'copied', atMs: this.#nowMs() }));
  }

  /** That the session was rolled back: to the first who asks, and to nobody after that. */
  tell(): Told {
    const { rolledBack } = this.known();
    if (!rolledBack || rolledBack.told) return {};
    this.note({ type: 'told' });
    return { rolledBackToMs: rolledBack.toMs };
  }

  doom(): void {
    this.#doomed = true;
    this.#meta = undefined;
  }
}
