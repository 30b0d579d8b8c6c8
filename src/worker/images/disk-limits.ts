/** What disks of a Worker are bounded by. */

/** Files of an archive that is read like an image: each takes 400 bytes of the isolate's memory, and 1,000 while it is opened. */
export const MAX_ENTRIES = 25_000;
