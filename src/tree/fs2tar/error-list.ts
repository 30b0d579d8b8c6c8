/** The list of what could not be read, for the caller and for people. */

import type { ErrnoName } from '../../abi/errno.ts';
import { isUtf8 } from '../../archive/tar/pax.ts';
import { inOctal, octal } from '../../bytes/shown-bytes.ts';
import type { KernelError } from '../../kernel/kernel-error.ts';

/** A file that was left out, a directory whose listing is not whole, or what a file system only logged. */
export interface Fs2tarError {
  /** With the call `syslog`: the kernel's message. Printable: control characters, backslashes and bytes that are not UTF-8 are \ooo in octal, as in GNU tar's listings. */
  readonly path: string;
  readonly call: string;
  readonly errno: ErrnoName | undefined;
}

function printable(bytes: Uint8Array): string {
  if (isUtf8(bytes)) {
    const text = new TextDecoder().decode(bytes);
    return text.replaceAll(/[\p{Cc}\\]/gu, inOctal);
  }
  const char = (byte: number) => (byte < 0x80 ? printable(Uint8Array.of(byte)) : octal(byte));
  return Array.from(bytes, char).join('');
}

/** Errors in the order they were met: all are counted, the first `limit` are kept. */
export class ErrorList {
  readonly #limit: number;
  readonly kept: Fs2tarError[] = [];
  count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(path: Uint8Array, { call, errno }: KernelError): void {
    this.count++;
    if (this.kept.length < this.#limit) this.kept.push({ path: printable(path), call, errno });
  }

  /** One line each: errno, system call and path, with tabs between. */
  text(): string {
    const lines = this.kept.map(({ errno, call, path }) => `${errno ?? 'unknown'}\t${call}\t${path}\n`);
    const left = this.count - this.kept.length;
    return lines.join('') + (left > 0 ? `and ${left} more\n` : '');
  }
}
