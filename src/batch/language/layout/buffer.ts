/** Memory of an argument, and what whoever fills a part of it asks of the one who fills the whole. */

import type { Kind } from '../../../abi/kinds.ts';
import type { Json } from '../types.ts';
import type { Arena } from './arena.ts';
import type { Shape } from './shape.ts';

/** Memory of one argument. */
export interface Buffer {
  readonly at: number;
  /** Bytes that mean something. */
  readonly size: number;
  /** Bytes that the kernel may touch: a string's NUL counts. */
  readonly room: number;
  readonly shape: Shape;
  /** The caller put something there. */
  readonly given: boolean;
  /** The call may have written there, so the result shows it. */
  readonly written: boolean;
}

/** What an argument or a member of a struct becomes: a number, or the place of a buffer in the arena. */
export interface Pointed {
  register: number | bigint;
  buffer?: Buffer;
}

/** Values that structs point at. */
export interface Pointers {
  readonly arena: Arena;
  /** Memory for `value`, which a pointer of this kind leads to. */
  pointer(kind: Kind, value: Json, path: string): Pointed;
  /** Write a pointer into the arena. */
  store(offset: number, pointed: Pointed): void;
  /** The bytes of a value on its own, as an attribute or a control message holds it. */
  content(value: Json, path: string): Uint8Array;
}
