/** What of an image cannot be read: each is told as it is met, all the rest is shown, and the command ends with 2. */

import { KernelError } from '../../src/kernel/kernel-error.ts';
import { explained, fsckHelps } from '../explain.ts';
import { exitCodes, Failure, inOneLine, printable } from '../failure.ts';

/** Whether it concerns one file of an image, and not all of it: others may well be read. */
const isOfOneFile = (cause: unknown): boolean =>
  cause instanceof KernelError || (cause instanceof Failure && cause.kind === 'image');

/** Whether it says no more than that there is no such file. */
export const isMissing = (cause: unknown): boolean =>
  cause instanceof KernelError
    ? cause.errno === 'ENOENT' || cause.errno === 'ENOTDIR'
    : cause instanceof Failure && /\((ENOENT|ENOTDIR)\)$/.test(cause.message);

/** As ls(1), find(1) and cp(1) do: say the one, go on with the rest. */
export class Troubles {
  readonly #cut: string | undefined;
  /** Of damaged file systems; undefined where that is not known. */
  readonly #types = new Set<unknown>();
  #told = 0;

  /** `cut`: what an image is known to lack, in numbers; no repair brings it back. */
  constructor({ cut }: { readonly cut: string | undefined }) {
    this.#cut = cut;
  }

  /** Says it on standard error. Throws what is not of one file alone: an image that changed, a kernel that died. */
  readonly tell = (cause: unknown): void => {
    if (!isOfOneFile(cause)) throw cause;
    const { message, damagedType } = explained(cause);
    console.error(`lkl: ${inOneLine(message)}`);
    this.#types.add(damagedType);
    this.#told += 1;
  };

  /** What `work` answers; undefined where that could not be read, which is told. */
  readonly attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (cause) {
      this.tell(cause);
      return undefined;
    }
  };

  /** What could be done now, and the exit code. */
  end(): void {
    if (this.#told === 0) return;
    process.exitCode = exitCodes.image;
    if (this.#cut !== undefined) console.error(`lkl: ${printable(this.#cut)}`);
    else for (const help of new Set([...this.#types].flatMap(fsckHelps))) console.error(`lkl: ${help}`);
  }
}
