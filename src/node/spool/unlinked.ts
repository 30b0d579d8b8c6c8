/** Files without a name, which are gone when whoever has them open is. */

import { unlinkSync } from 'node:fs';

/** Whether the name is gone. Windows does not unlink what is open: it is tried again then, once it is closed. */
export function unlinked(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}
