/** What the memory of a call means after the call: how each output is to be decoded. */

import type { Amount } from '../../../abi/kinds.ts';

/** All offsets are in the call's arena. */
export type Shape =
  /** One value of `type`; as much of it as was produced. */
  | { readonly form: 'one'; readonly type: string; readonly at: number; readonly size: number }
  /** Values of `type` one after another; as many as were produced. */
  | { readonly form: 'many'; readonly type: string; readonly at: number; readonly size: number }
  /** The buffers of an iovec, filled in turn. */
  | { readonly form: 'vector'; readonly parts: readonly (Shape | undefined)[] }
  /** A struct whose pointers lead to more. */
  | {
      readonly form: 'record';
      readonly type: string;
      readonly at: number;
      readonly size: number;
      readonly fields: Readonly<Record<string, Shape>>;
    }
  | { readonly form: 'records'; readonly items: readonly Shape[] };

/** One output of a call. */
export interface Output {
  /** The argument's name in Linux's source. */
  readonly name: string;
  readonly shape: Shape;
  /** How much the call produced; all of it when left out. */
  readonly got?: Amount;
  readonly unit: 'bytes' | 'elements';
}
