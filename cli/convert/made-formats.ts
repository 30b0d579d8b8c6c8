/** What `lkl convert` makes of a disk: `vmdk` is written here and there (monolithicSparse), `vmdk-stream` from its begin to its end (streamOptimized). */

export const madeFormats = ['raw', 'qcow2', 'vmdk', 'vmdk-stream'] as const;
export type MadeFormat = (typeof madeFormats)[number];
