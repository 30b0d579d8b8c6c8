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

/** How much larger the next size is of which it is thought that it fits, when the one before did not; it doubles each time. */
const STEP = 0.01;
/** Of a size that is only thought to do: an attempt that fails costs as much as one that does not. */
const SPARE = 0.005;
/** How often what is left leads to a smaller size that is worth an attempt. */
const ROUNDS = 3;

/**
 * The same where an attempt is dear and an empty one cheap: what the first took of its room, it takes of any other, and `empty` answers how
 * much that is at each size (undefined: there is none so small). Two attempts, then, where that holds.
 */
export async function smallestFitByEmpty(
  search: FitSearch,
  attempt: (bytes: number) => Promise<number | undefined>,
  empty: (bytes: number) => Promise<number | undefined>,
): Promise<number | undefined> {
  const { least, grain } = search;
  const whole = (bytes: number): number => Math.max(Math.ceil(least / grain), Math.ceil(bytes / grain)) * grain;
  const rooms = new Map<number, number | undefined>();
  const room = async (bytes: number) => {
    if (!rooms.has(bytes)) rooms.set(bytes, await empty(bytes));
    return rooms.get(bytes);
  };
  let fits = whole(search.first);
  let free = await attempt(fits);
  for (let doubled = 0; free === undefined; doubled++) {
    if (doubled === DOUBLINGS) return undefined;
    fits = whole(fits * 2);
    free = await attempt(fits);
  }
  for (let round = 0; round < ROUNDS && fits > whole(0) && free > fits * CLOSE; round++) {
    const used = ((await room(fits)) ?? free) - free;
    const enough = await smallestFit({ ...search, first: fits, isLeftSure: true }, async (bytes) => {
      const left = ((await room(bytes)) ?? 0) - used - bytes * SPARE;
      return left < 0 ? undefined : left;
    });
    if (enough === undefined || enough > fits * (1 - CLOSE)) break;
    let step = STEP;
    let next = enough;
    let left = await attempt(next);
    while (left === undefined && next < fits) {
      next = Math.min(fits, whole(next * (1 + step)));
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

/** How often a first size that is too small is doubled. */
const DOUBLINGS = 8;
/** It is good enough when what is one hundredth smaller does not fit. */
const CLOSE = 0.01;

/**
 * `attempt` answers how many bytes are left, or undefined when it does not fit; its last call is with the size that is
 * answered. Undefined: not even the largest fits.
 */
export async function smallestFit(
  { first, least, grain, isLeftSure = false }: FitSearch,
  attempt: (bytes: number) => Promise<number | undefined>,
): Promise<number | undefined> {
  const whole = (bytes: number): number => Math.max(Math.ceil(least / grain), Math.ceil(bytes / grain)) * grain;
  let fits = whole(first);
  let tooSmall = whole(least) - grain;
  let free = await attempt(fits);
  for (let doubled = 0; free === undefined; doubled++) {
    if (doubled === DOUBLINGS) return undefined;
    tooSmall = fits;
    fits = whole(fits * 2);
    free = await attempt(fits);
  }
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
    const next = Math.min(whole(guess), fits - grain);
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
