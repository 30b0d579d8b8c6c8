/**
 * Names for the futexes of one process. A kernel without an MMU tells private futexes apart by their address alone, since
 * it knows of one address space: two processes that wait at the same address would be woken for each other. So the kernel
 * gets another address, which no memory reaches and which belongs to one process while somebody waits there.
 */

/** What all processes of a kernel share: names that are not in use. */
export class FutexNames {
  readonly #free: number[] = [];
  #next = FIRST;

  take(): number | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#next >= LAST) return free;
    this.#next += STEP;
    return this.#next - STEP;
  }

  give(name: number): void {
    this.#free.push(name);
  }
}

/** Above what any memory of a program has. */
const FIRST = 0xf000_0000;
const LAST = 0xfff0_0000;
const STEP = 4;

/** linux/futex.h */
const PRIVATE = 128;
const CLOCK_REALTIME = 256;
const FUTEX = { wake: 1, requeue: 3, cmpRequeue: 4, wakeOp: 5, wakeBitset: 10, waitRequeuePi: 11, cmpRequeuePi: 12 };
const WAKES: ReadonlySet<number> = new Set([FUTEX.wake, FUTEX.wakeBitset]);
const OF_TWO: ReadonlySet<number> = new Set([
  FUTEX.requeue,
  FUTEX.cmpRequeue,
  FUTEX.wakeOp,
  FUTEX.waitRequeuePi,
  FUTEX.cmpRequeuePi,
]);
/** Who is moved from one to another keeps that: so many of these are known of a process at most. */
const MOST_MOVED = 4096;

interface Named {
  readonly name: number;
  /** Calls under way. */
  calls: number;
  /** Somebody may have been moved there. */
  moved: boolean;
}

export class Futexes {
  readonly #names: FutexNames;
  readonly #byAddress = new Map<number, Named>();
  readonly #addresses = new Map<number, number>();

  constructor(names: FutexNames) {
    this.#names = names;
  }

  /** The program's own address of a name; undefined: it is none of this process. */
  addressOf(name: number): number | undefined {
    return name < FIRST ? undefined : this.#addresses.get(name);
  }

  /**
   * The arguments of futex(2) as the kernel is to have them, and what to do when it has answered. Undefined: they are fine
   * as they are. `nobody`: a wake where nobody waits.
   */
  named(
    args: readonly number[],
  ): { readonly args: readonly number[]; readonly done: () => void } | 'nobody' | undefined {
    const [at = 0, op = 0, , , at2 = 0] = args;
    const command = op & ~(PRIVATE | CLOCK_REALTIME);
    const isOfTwo = OF_TWO.has(command);
    if ((op & PRIVATE) === 0 || at % STEP !== 0 || at >= FIRST || (isOfTwo && (at2 % STEP !== 0 || at2 >= FIRST)))
      return undefined;
    if (WAKES.has(command) && !this.#byAddress.has(at)) return 'nobody';
    const one = this.#begin(at);
    const other = isOfTwo && one ? this.#begin(at2) : undefined;
    if (!one || (isOfTwo && !other)) return undefined;
    if (other) other.moved = true;
    const done = () => {
      this.#end(at, one);
      if (other) this.#end(at2, other);
    };
    return { args: args.map((value, i) => (i === 0 ? one.name : i === 4 && other ? other.name : value)), done };
  }

  /** The process is no more. */
  end(): void {
    for (const { name } of this.#byAddress.values()) this.#names.give(name);
    this.#byAddress.clear();
    this.#addresses.clear();
  }

  #begin(at: number): Named | undefined {
    const known = this.#byAddress.get(at);
    if (known) {
      known.calls++;
      return known;
    }
    const name = this.#names.take();
    if (name === undefined) return undefined;
    const named: Named = { name, calls: 1, moved: false };
    this.#byAddress.set(at, named);
    this.#addresses.set(name, at);
    return named;
  }

  #end(at: number, named: Named): void {
    named.calls--;
    if (this.#byAddress.get(at) !== named || named.calls > 0) return;
    if (!named.moved) this.#forget(at, named);
    else if (this.#byAddress.size > MOST_MOVED) this.#forgetIdle();
    // Nobody waits for anything: nobody was moved either.
    if ([...this.#byAddress.values()].every(({ calls }) => calls === 0)) this.#forgetIdle();
  }

  #forgetIdle(): void {
    for (const [at, named] of this.#byAddress) if (named.calls === 0) this.#forget(at, named);
  }

  #forget(at: number, { name }: Named): void {
    this.#byAddress.delete(at);
    this.#addresses.delete(name);
    this.#names.give(name);
  }
}
