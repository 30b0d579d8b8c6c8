/** What disks of a Worker are bounded by. */

/** Files of an archive that is read like an image: each takes some hundred bytes of the isolate's memory. */
export const MAX_ENTRIES = 100_000;
