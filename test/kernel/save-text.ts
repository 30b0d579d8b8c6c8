/** Puts a file into a kernel, as a client of a session does. */

import type { Kernel } from '../../src/kernel/kernel.ts';
import { saveFile } from '../../src/tree/save-file.ts';

export const saveText = (kernel: Kernel, path: string, text: string) =>
  saveFile(kernel.init, {
    path: new TextEncoder().encode(path),
    mode: undefined,
    growableBytes: () => 0,
    bytes: (async function* () {
      yield new TextEncoder().encode(text);
    })(),
  });
