/** One entry of an archive, whatever its format, and what an archive lacks. */

import type { Node, Raw } from './node.ts';
import { shown } from './node.ts';
import type { ArchiveTree } from './tree.ts';

export interface Entry {
  readonly path: Raw;
  /** What is there, or the path of what it is one more name for. */
  readonly is: Node | { readonly linkTo: Raw };
}

/** What is wrong with an archive that has readable entries all the same: each a sentence. */
export class Problems {
  readonly #first: string[] = [];
  #count = 0;

  add(problem: string): void {
    this.#count += 1;
    if (this.#count <= 3) this.#first.push(problem);
  }

  /** Undefined: nothing is. */
  get text(): string | undefined {
    if (this.#count === 0) return undefined;
    const more = this.#count - this.#first.length;
    return this.#first.join('; ') + (more > 0 ? ` and ${more} more` : '');
  }
}

export function addEntry(tree: ArchiveTree, { path, is }: Entry, problems: Problems): void {
  if (!('linkTo' in is)) tree.put(path, is);
  else if (!tree.link(path, is.linkTo))
    problems.add(`${shown(path)} is a link to ${shown(is.linkTo)}, which is no file of the archive`);
}
