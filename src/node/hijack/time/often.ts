/**
 * How often what repeats comes, where time is our kernel's and a program that is told takes none: a timer of a nanosecond would be told for ever
 * before a second has passed. A machine has the same limits, as who is told takes some microseconds.
 */

/** Sleeps and alarms are no shorter: Linux's own slack of timers (PR_SET_TIMERSLACK). */
export const SLACK_NS = 50_000;
const MOST_NS = 1_000_000;
const SHARE = 100;

/** Between two times that a timer is told which has run for so long: exact at first, and never late by more than a millisecond. */
export const leastGapNs = (runsNs: number): number => Math.min(MOST_NS, Math.max(SLACK_NS, runsNs / SHARE));

/** Whatever repeats less often is always told. */
export const isOften = (everyNs: number): boolean => everyNs > 0 && everyNs < MOST_NS;
