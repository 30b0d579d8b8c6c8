/** What `lkl convert` makes of a disk. */

export const madeFormats = ['raw', 'qcow2'] as const;
export type MadeFormat = (typeof madeFormats)[number];
