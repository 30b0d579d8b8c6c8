/** Locks of WebDAV (RFC 4918, sections 6 and 7), in memory: they end with whoever serves the tree, unless he keeps them. */

import { DavFailure } from './failure.ts';
import { isWithin } from './paths.ts';

export interface Lock {
  /** A URI, `urn:uuid:…`. */
  readonly token: string;
  /** Of its root, as `keyOf` has it. */
  readonly root: string;
  readonly isExclusive: boolean;
  readonly isDeep: boolean;
  /** What its owner said of himself: XML. */
  readonly owner: string;
  endsMs: number;
}

export interface LockRequest extends Pick<Lock, 'root' | 'isExclusive' | 'isDeep' | 'owner'> {
  readonly seconds: number;
}

export interface LocksOptions {
  readonly nowMs: () => number;
  /** A URI that no other lock has. */
  readonly newToken: () => string;
  /** Those that there were. */
  readonly kept?: readonly Lock[];
  /** Told of all of them whenever one came, went or was prolonged. */
  readonly changed?: (all: readonly Lock[]) => void;
}

/** Of one tree: far more than people who work on it at once have, and little enough to be kept together. */
const MAX_LOCKS = 1000;
const MAX_TEXT = 500_000;

const textOf = ({ root, owner }: Pick<Lock, 'root' | 'owner'>): number => root.length + owner.length;

export class Locks {
  readonly #locks: Map<string, Lock>;
  readonly #nowMs: () => number;
  readonly #newToken: () => string;
  readonly #changed: () => void;

  constructor({ nowMs, newToken, kept = [], changed = () => {} }: LocksOptions) {
    this.#locks = new Map(kept.map((lock) => [lock.token, lock]));
    this.#nowMs = nowMs;
    this.#newToken = newToken;
    this.#changed = () => changed([...this.#locks.values()]);
  }

  #all(): Lock[] {
    const now = this.#nowMs();
    for (const { token, endsMs } of this.#locks.values()) if (endsMs <= now) this.#locks.delete(token);
    return [...this.#locks.values()];
  }

  /** Those that hold for the file at `path`. */
  over(path: string): Lock[] {
    return this.#all().filter(({ root, isDeep }) => root === path || (isDeep && isWithin(root, path)));
  }

  /** Those that hold for it or for anything below it. */
  about(path: string): Lock[] {
    return this.#all().filter(({ root, isDeep }) => isWithin(path, root) || (isDeep && isWithin(root, path)));
  }

  /** Rejects with 423 what goes against another lock, and with 507 what is one too many. */
  add({ seconds, ...request }: LockRequest): Lock {
    const others = request.isDeep ? this.about(request.root) : this.over(request.root);
    if (others.some((other) => other.isExclusive || request.isExclusive)) {
      throw new DavFailure(423, 'somebody else has locked it', 'no-conflicting-lock');
    }
    const all = this.#all();
    if (all.length >= MAX_LOCKS || all.reduce((sum, lock) => sum + textOf(lock), textOf(request)) > MAX_TEXT)
      throw new DavFailure(507, 'there are too many locks: they end by themselves, within an hour');
    const lock = { ...request, token: this.#newToken(), endsMs: this.#nowMs() + 1000 * seconds };
    this.#locks.set(lock.token, lock);
    this.#changed();
    return lock;
  }

  /** Undefined: there is no such lock over `path`. */
  refresh(token: string, path: string, seconds: number): Lock | undefined {
    const lock = this.over(path).find((one) => one.token === token);
    if (!lock) return undefined;
    lock.endsMs = this.#nowMs() + 1000 * seconds;
    this.#changed();
    return lock;
  }

  /** Whether there was one. */
  remove(token: string, path: string): boolean {
    if (!this.over(path).some((lock) => lock.token === token)) return false;
    this.#locks.delete(token);
    this.#changed();
    return true;
  }

  /** What was at `path` is gone, its locks with it: they do not follow a file that moves. */
  forget(path: string): void {
    const gone = this.#all().filter(({ root }) => isWithin(path, root));
    for (const { token } of gone) this.#locks.delete(token);
    if (gone.length > 0) this.#changed();
  }

  has(token: string, path: string): boolean {
    return this.over(path).some((lock) => lock.token === token);
  }

  secondsOf({ endsMs }: Lock): number {
    return Math.max(0, Math.ceil((endsMs - this.#nowMs()) / 1000));
  }

  /**
   * Rejects with 423 unless a token of `tokens` is one of each set of locks that holds for what changes: the file at `path`,
   * with `isTree` all below it, with `isMember` the directory it is a member of.
   */
  check(
    path: string,
    tokens: ReadonlySet<string>,
    { isTree = false, parent }: { readonly isTree?: boolean; readonly parent?: string } = {},
  ): void {
    const refuse = () => {
      throw new DavFailure(423, 'it is locked', 'lock-token-submitted');
    };
    const held = (locks: readonly Lock[]) => locks.length === 0 || locks.some(({ token }) => tokens.has(token));
    if (!held(this.over(path))) refuse();
    if (parent !== undefined && !held(this.over(parent))) refuse();
    if (!isTree) return;
    const below = Map.groupBy(
      this.about(path).filter(({ root }) => root !== path && isWithin(path, root)),
      ({ root }) => root,
    );
    for (const locks of below.values()) if (!held(locks)) refuse();
  }
}
