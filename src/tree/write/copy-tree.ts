/** Copies a tree, entry by entry, to a place in a mounted one. */

import type { Entry } from './entry.ts';
import { FilledDirectories } from './filled-directories.ts';
import type { Loss } from './losses.ts';
import type { TreeWriter } from './tree-writer.ts';
import { untilAborted } from './until-aborted.ts';

export interface CopyOptions {
  /** Called after each entry with how many there were, and the bytes of data in them. */
  readonly progress?: (entries: number, bytes: number) => void;
  /** Aborted, it rejects with the reason; a file of which not all came is gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface CopyReport {
  readonly entries: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
}

/** Rejects at the first thing that cannot be written, naming it; what was copied by then stays. */
export async function copyTree(
  writer: TreeWriter,
  tree: AsyncIterable<Entry>,
  { progress, signal }: CopyOptions = {},
): Promise<CopyReport> {
  const directories = new FilledDirectories(writer);
  let entries = 0;
  let bytes = 0;
  for await (const entry of untilAborted(tree, signal)) {
    await directories.before(entry.path);
    await writer.add(entry.type === 'file' ? { ...entry, content: () => counted(entry.content()) } : entry);
    directories.after(entry);
    entries++;
    progress?.(entries, bytes);
  }
  await directories.end();
  return { entries, bytes, losses: writer.losses.list };

  async function* counted(content: AsyncIterable<Uint8Array | number>): AsyncIterable<Uint8Array | number> {
    for await (const piece of untilAborted(content, signal)) {
      if (typeof piece !== 'number') bytes += piece.length;
      yield piece;
    }
  }
}
