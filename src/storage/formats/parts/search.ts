/** Binary search in a list of beginnings. */

/** The last of the first `count` ascending `starts` that is not after `value`; 0 where the first is. */
export function startsAt(starts: ArrayLike<number>, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return low;
}
