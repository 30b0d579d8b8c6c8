/** A tree on its way into an image: what each of its files is, parents first. A folder of this machine, a tar and another image all come so. */

/** What the kernel can be told of a file; what is absent is left as it comes. */
export interface Attributes {
  /** Permission bits, set-id and sticky included. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atimeNs?: bigint;
  readonly mtimeNs?: bigint;
  /** By full name (`user.comment`, `security.selinux`), which may be any bytes: `toLossless` makes text of them. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** Bytes of a file in order; a number stands for so many bytes of a hole. A piece is good until the next is asked for. */
export type Content = AsyncIterable<Uint8Array | number>;

/** A path that is not the one that was given: `above`, it led out of the top by ".."; `absolute`, it began with a slash. */
export interface PathChange {
  readonly kind: 'above' | 'absolute';
  /** As it was given: of the entry, or of what it is another name of. */
  readonly path: Uint8Array;
}

interface Placed {
  /** From where the tree is put; bytes, names parted by slashes, no slash at either end. Empty: that place itself. */
  readonly path: Uint8Array;
  readonly attributes: Attributes;
  readonly changes?: readonly PathChange[];
}

export type Entry =
  /** `dataBytes`: of its content, without holes, where that is known without reading it; at most a little too many. */
  | (Placed & { readonly type: 'file'; content(): Content; dataBytes?(): number | Promise<number> })
  /** `implied`: only on the way to others, so what leads to a directory there already stays as it is. */
  | (Placed & { readonly type: 'directory'; readonly implied?: true })
  | (Placed & { readonly type: 'symlink'; readonly target: Uint8Array })
  | (Placed & { readonly type: 'char' | 'block'; readonly device: { readonly major: number; readonly minor: number } })
  | (Placed & { readonly type: 'fifo' | 'socket' })
  /** Another name of a file that came before, by its path. `content`: for a file system that has no hard links. */
  | (Placed & { readonly type: 'hardlink'; readonly target: Uint8Array; content?(): Content });
