/** Copies a tree, entry by entry, to a place in a mounted one. */

import { latin1 } from '../../bytes/latin1.ts';
import type { Entry } from './entry.ts';
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
  /** Filling a directory changes its times: they are set once all is there, the deepest first. */
  const directories = new Map<string, Entry>();
  let entries = 0;
  let bytes = 0;
  for await (const entry of untilAborted(tree, signal)) {
    await writer.add(entry.type === 'file' ? { ...entry, content: () => counted(entry.content()) } : entry);
    // Something else may be there by now, or the same once more.
    const key = latin1(entry.path);
    directories.delete(key);
    if (entry.type === 'directory') directories.set(key, entry);
    entries++;
    progress?.(entries, bytes);
  }
  for (const { path, attributes } of [...directories.values()].reverse()) await writer.finish(path, attributes);
  return { entries, bytes, losses: writer.losses.list };

  async function* counted(content: AsyncIterable<Uint8Array | number>): AsyncIterable<Uint8Array | number> {
    for await (const piece of untilAborted(content, signal)) {
      if (typeof piece !== 'number') bytes += piece.length;
      yield piece;
    }
  }
}
