/** Checks a file system that has no checker of its own, and is never written, by reading all of it through the kernel. */

import { KernelError } from '../../kernel/kernel-error.ts';
import { DamageError } from '../../tree/damage-error.ts';
import type { Fs2tarError } from '../../tree/fs2tar/error-list.ts';
import { fs2tar } from '../../tree/fs2tar/fs2tar.ts';
import type { Streams, Workshop } from '../workshop.ts';
import type { Verdict } from './file-systems.ts';

/** What is read goes nowhere. */
const nowhere = (): void => {};

/** `disk`: /dev/vda1. What cannot be read is on `stdout`, a line each. Rejects as mounting does. */
export function readAll(workshop: Workshop, disk: string, type: string, { stdout }: Streams): Promise<Verdict> {
  const tell = async (line: string) => stdout?.(new TextEncoder().encode(`${line}\n`));
  return workshop.mounted(
    disk,
    type,
    async (mountPoint) => {
      const read = (onError: 'stop' | 'continue') =>
        fs2tar(workshop.kernel.init, mountPoint, nowhere, { onError, fileSystemType: type });
      try {
        const { entries } = await read('stop');
        await tell(
          `${type} has no checker: all of it was read, ${entries.toLocaleString('en')} files without an error`,
        );
        return 'clean';
      } catch (cause) {
        if (!(cause instanceof DamageError || cause instanceof KernelError)) throw cause;
      }
      // Once more, for all that cannot be read: what is large is read twice then.
      const { entries, errors, errorCount } = await read('continue');
      for (const error of errors) await tell(lineOf(error));
      const [files, failed] = [entries, errorCount].map((number) => number.toLocaleString('en'));
      await tell(`${type} has no checker: all of it was read, ${files} files, with ${failed} errors`);
      return 'damaged';
    },
    { readOnly: true },
  );
}

const lineOf = ({ path, call, errno }: Fs2tarError): string =>
  call === 'syslog' ? path : `${path}: ${errno ?? 'error'} (${call})`;
