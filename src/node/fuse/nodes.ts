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
  /** Pages of it came back since its times were set: Linux sets those of that write next. */
  written?: boolean;
}

export class Nodes {
  readonly root: Node;
  readonly #byId = new Map<number, Node>();
  readonly #byKey = new Map<string, Node>();
  #next = fuse.ROOT_ID + 1;

  constructor(fd: number, key: string) {
    this.root = { id: fuse.ROOT_ID, fd, key, lookups: 1 };
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

  /** Counts one lookup of the file `key`, which `fd` leads to: when its node has a descriptor already, the caller closes this one. */
  found(key: string, fd: number): Node {
    const known = this.#byKey.get(key);
    if (known) {
      known.lookups += 1;
      return known;
    }
    const node = { id: this.#next++, fd, key, lookups: 1 };
    this.#byId.set(node.id, node);
    this.#byKey.set(key, node);
    return node;
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
