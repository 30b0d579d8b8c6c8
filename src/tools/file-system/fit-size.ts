/** Finds the smallest size at which something fits, by trying. */

export interface FitSearch {
  /** Where it begins: it should fit, else it is doubled. */
  readonly first: number;
  /** Nothing smaller is tried. */
  readonly least: number;
  /** Sizes are multiples of it. */
  readonly grain: number;
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
  { first, least, grain }: FitSearch,
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
  while (fits - tooSmall > Math.max(grain, fits * CLOSE)) {
    const middle = (fits + tooSmall) / 2;
    // What is left need not have been there, so a little more than that is kept.
    const guess = free === undefined ? middle : Math.max(tooSmall + grain, fits - free * 0.98);
    const next = Math.min(whole(guess), fits - grain);
    last = next;
    const left = await attempt(next);
    if (left === undefined) {
      tooSmall = next;
      free = undefined;
    } else {
      // A guess that took little off is followed by the middle.
      free = fits - next > (fits - tooSmall) / 2 ? left : undefined;
      fits = next;
    }
  }
  if (last !== fits) await attempt(fits);
  return fits;
}
