/** One entry of an archive, whatever its format, and what an archive lacks. */

import { fitting } from './erofs/xattrs.ts';
import { type Node, type Raw, shown } from './node.ts';
import type { ArchiveTree } from './tree.ts';

const HAS_ABOVE = /(^|\/)\.\.(\/|$)/;

export interface Entry {
  readonly path: Raw;
  /** What is there, or the path of what it is one more name for. */
  readonly is: Node | { readonly linkTo: Raw };
}

/** What is wrong with an archive that has readable entries all the same: each a sentence. */
export class Problems {
  readonly #first: string[] = [];
  #count = 0;

  readonly #led = { above: { count: 0, first: '' }, absolute: { count: 0, first: '' } };

  /** What leads out of the archive is taken from its top: that is no problem, but another path than the one that it has. */
  notePath(path: Raw): void {
    const led = path.startsWith('/') ? this.#led.absolute : HAS_ABOVE.test(path) ? this.#led.above : undefined;
    if (led === undefined) return;
    if (led.count === 0) led.first = path;
    led.count += 1;
  }

  /** Each a sentence. */
  get notes(): readonly string[] {
    const { above, absolute } = this.#led;
    const told = ({ count, first }: typeof above, one: string, several: string) =>
      count === 0 ? [] : [`${count} ${count === 1 ? one : several} (${count === 1 ? '' : 'first '}${briefly(first)})`];
    return [
      ...told(
        above,
        'path of the archive leads out of it with "..": it is taken from the top',
        'paths of the archive lead out of it with "..": they are taken from the top',
      ),
      ...told(
        absolute,
        'path of the archive is absolute: it is taken from the top',
        'paths of the archive are absolute: they are taken from the top',
      ),
    ];
  }

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

const MAX_SHOWN = 200;
const briefly = (path: Raw): string => shown(path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}...` : path);

/** `replaces`: a file that is in the way of a directory goes, as between layers. */
export function addEntry(
  tree: ArchiveTree,
  { path, is }: Entry,
  problems: Problems,
  how: { readonly replaces?: boolean } = {},
): void {
  problems.notePath(path);
  if (!('linkTo' in is) && is.xattrs) {
    const { kept, lost } = fitting(is.xattrs);
    is.xattrs = kept;
    for (const [name, value] of lost) {
      const size = value.length.toLocaleString('en');
      problems.add(
        `${briefly(path)}: its attribute ${shown(name)} of ${size} bytes is left out: there is no room for it`,
      );
    }
  }
  const why = 'linkTo' in is ? tree.link(path, is.linkTo, how) : tree.put(path, is, how);
  if (why !== undefined) problems.add(`${briefly(path)} is left out: ${why}`);
}
