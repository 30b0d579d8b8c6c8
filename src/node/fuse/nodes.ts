/** The files that Linux knows of a mount, each held by a descriptor of our kernel that is open for nothing (O_PATH). */

import { errnos } from '../../abi/errno.ts';
import { fuse } from '../../abi/uapi/fuse.ts';
import { KernelError } from '../../kernel/kernel-error.ts';

export interface Node {
  /** What Linux calls it. Never used again. */
  readonly id: number;
  readonly fd: number;
  /** Device and inode: one file is one node, whatever names lead to it. */
  readonly key: string;
  /** How often Linux was told of it, less how often it forgot. */
  lookups: number;
  /** Where Linux found it last: to ask it to forget. */
  parent: number;
  name: Uint8Array;
  /** Pages of it came back since its times were set: Linux sets those of that write next. */
  written?: boolean;
  /** Made by this mount, and no extended attribute was set since: it has no capabilities. */
  isPlain?: boolean;
}

export class Nodes {
  readonly root: Node;
  readonly #byId = new Map<number, Node>();
  readonly #byKey = new Map<string, Node>();
  #next = fuse.ROOT_ID + 1;

  constructor(fd: number, key: string) {
    this.root = { id: fuse.ROOT_ID, fd, key, lookups: 1, parent: 0, name: new Uint8Array() };
    this.#byId.set(this.root.id, this.root);
    this.#byKey.set(key, this.root);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The node that a request is about. */
  get(id: number): Node {
    const node = this.#byId.get(id);
    if (!node) throw new KernelError('openat', errnos.ESTALE.number);
    return node;
  }
  fd(id: number): number {
    return this.get(id).fd;
  }

  /**
   * Counts one lookup of the file `key`, which `fd` leads to, by a name in a directory (none: it has no name): when its node has a
   * descriptor already, the caller closes this one.
   */
  found(key: string, fd: number, parent: number, name: Uint8Array): Node {
    const known = this.#byKey.get(key);
    if (known) {
      known.lookups += 1;
      if (name.length > 0) [known.parent, known.name] = [parent, name];
      return known;
    }
    const node = { id: this.#next++, fd, key, lookups: 1, parent, name };
    this.#byId.set(node.id, node);
    this.#byKey.set(key, node);
    return node;
  }

  /** The `count` nodes that have been known longest and have a name; they count as new afterwards. */
  oldest(count: number): Node[] {
    const found: Node[] = [];
    for (const node of this.#byId.values()) {
      if (found.length === count) break;
      if (node.name.length > 0) found.push(node);
    }
    for (const node of found) {
      this.#byId.delete(node.id);
      this.#byId.set(node.id, node);
    }
    return found;
  }

  /** Linux has one more reference to a node that it named itself. */
  again(id: number): Node {
    const node = this.get(id);
    node.lookups += 1;
    return node;
  }

  /** Answers the descriptor to be closed, when Linux knows the file no more. */
  forget(id: number, lookups: number): number | undefined {
    const node = this.#byId.get(id);
    if (!node || node === this.root) return undefined;
    node.lookups -= lookups;
    if (node.lookups > 0) return undefined;
    this.#byId.delete(id);
    this.#byKey.delete(node.key);
    return node.fd;
  }
}
