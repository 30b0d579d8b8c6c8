/** Layers of a container's image put one over the other: what a layer whites out is gone (OCI image format, layer.md). */

import { withoutEnd } from '../../../bytes/ends.ts';
import { addEntry, type Entry, type Problems } from '../entry.ts';
import type { ArchiveTree } from '../tree.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Of AUFS itself, no files of the image. */
const META = '.wh..wh.';

/** A whiteout hides what is below its layer, wherever in the layer it stands: so they come first. */
export async function mergeLayer(tree: ArchiveTree, entries: AsyncIterable<Entry>, problems: Problems): Promise<void> {
  const added: Entry[] = [];
  const removed: string[] = [];
  for await (const entry of entries) {
    tree.count();
    const path = withoutEnd(entry.path, '/');
    const slash = path.lastIndexOf('/') + 1;
    const name = path.slice(slash);
    if (!name.startsWith(WHITEOUT)) added.push(entry);
    else if (name === OPAQUE || !name.startsWith(META)) removed.push(path);
  }
  for (const path of removed) {
    const slash = path.lastIndexOf('/') + 1;
    const [folder, name] = [path.slice(0, slash), path.slice(slash)];
    if (name === OPAQUE) tree.empty(folder);
    else tree.remove(folder + name.slice(WHITEOUT.length));
  }
  for (const entry of added) addEntry(tree, entry, problems, { replaces: true });
}
