/** Finds the smallest size at which something fits, by trying. */

export interface FitSearch {
  /** Where it begins: it should fit, else it is doubled. */
  readonly first: number;
  /** Nothing smaller is tried. */
  readonly least: number;
  /** Sizes are multiples of it. */
  readonly grain: number;
  /** What is left could all be used: where that is next to nothing, nothing smaller is tried. */
  readonly isLeftSure?: boolean;
}

/** How often a first size that is too small is doubled. */
const DOUBLINGS = 8;
/** It is good enough when what is one hundredth smaller does not fit. */
const CLOSE = 0.01;

/** The size that is tried for `bytes`. */
const sizeOf = ({ least, grain }: FitSearch, bytes: number): number =>
  Math.max(Math.ceil(least / grain), Math.ceil(bytes / grain)) * grain;

interface FirstFit {
  readonly fits: number;
  /** What is left then. */
  readonly free: number;
  /** The largest that is known not to fit, or is not to be tried. */
  readonly tooSmall: number;
}

/** The first size, or what it is once it was doubled until it fits. Undefined: not even the largest does. */
async function firstFit(
  search: FitSearch,
  attempt: (bytes: number) => Promise<number | undefined>,
): Promise<FirstFit | undefined> {
  let fits = sizeOf(search, search.first);
  let tooSmall = sizeOf(search, 0) - search.grain;
  for (let doubled = 0; ; doubled++) {
    const free = await attempt(fits);
    if (free !== undefined) return { fits, free, tooSmall };
    if (doubled === DOUBLINGS) return undefined;
    tooSmall = fits;
    fits = sizeOf(search, fits * 2);
  }
}

/** How much larger the next size is of which it is thought that it fits, when the one before did not; it doubles each time. */
const STEP = 0.01;
/** Of a size that is only thought to do: an attempt that fails costs as much as one that does not. */
const SPARE = 0.005;
/** How often what is left leads to a smaller size that is worth an attempt. */
const ROUNDS = 3;

/**
 * As `smallestFit`, where an attempt is dear and an empty one cheap: what the first took of its room, it takes of any other, and `empty`
 * answers how much that is at each size (undefined: there is none so small). Two attempts, as a rule, where that holds. Of both the last
 * call is `attempt` with the size that is answered.
 */
export async function smallestFitByEmpty(
  search: FitSearch,
  attempt: (bytes: number) => Promise<number | undefined>,
  empty: (bytes: number) => Promise<number | undefined>,
): Promise<number | undefined> {
  const found = await firstFit(search, attempt);
  if (found === undefined) return undefined;
  let { fits, free } = found;
  const rooms = new Map<number, number | undefined>();
  const room = async (bytes: number) => {
    if (!rooms.has(bytes)) rooms.set(bytes, await empty(bytes));
    return rooms.get(bytes);
  };
  for (let round = 0; round < ROUNDS && fits > sizeOf(search, 0) && free > fits * CLOSE; round++) {
    const known = rooms.size;
    const used = ((await room(fits)) ?? free) - free;
    const enough = await smallestFit({ ...search, first: fits, isLeftSure: true }, async (bytes) => {
      const left = ((await room(bytes)) ?? 0) - used - bytes * SPARE;
      return left < 0 ? undefined : left;
    });
    if (enough === undefined || enough > fits * (1 - CLOSE)) {
      if (rooms.size > known) await attempt(fits); // what was made last is an empty one
      break;
    }
    let step = STEP;
    let next = enough;
    let left = await attempt(next);
    while (left === undefined && next < fits) {
      next = Math.min(fits, sizeOf(search, next * (1 + step)));
      step *= 2;
      left = await attempt(next);
    }
    const isAsThought = next === enough;
    fits = next;
    free = left ?? 0;
    if (!isAsThought) break;
  }
  return fits;
}

/**
 * `attempt` answers how many bytes are left, or undefined when it does not fit; its last call is with the size that is
 * answered. Undefined: not even the largest fits.
 */
export async function smallestFit(
  search: FitSearch,
  attempt: (bytes: number) => Promise<number | undefined>,
): Promise<number | undefined> {
  const { grain, isLeftSure = false } = search;
  const found = await firstFit(search, attempt);
  if (found === undefined) return undefined;
  let { fits, tooSmall } = found;
  let free: number | undefined = found.free;
  let last = fits;
  let isProbed = false;
  while (fits - tooSmall > Math.max(grain, fits * CLOSE)) {
    let guess = (fits + tooSmall) / 2;
    if (free !== undefined) {
      const isUsed = free <= fits * CLOSE;
      if (isUsed && isLeftSure) break;
      // What is left need not have been there, so a little more than that is kept. Where all is used, what is a little smaller does not
      // fit, and that is all there is to know; unless it does: then what is left says nothing.
      const better = isUsed ? fits * (1 - CLOSE) : fits - free * 0.98;
      if (better > tooSmall && !(isUsed && isProbed)) guess = better;
      isProbed ||= isUsed;
    }
    const next = Math.min(sizeOf(search, guess), fits - grain);
    last = next;
    const left = await attempt(next);
    if (left === undefined) {
      tooSmall = next;
      free = undefined;
    } else {
      fits = next;
      free = left;
    }
  }
  if (last !== fits) await attempt(fits);
  return fits;
}
