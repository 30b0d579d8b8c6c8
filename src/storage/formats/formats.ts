/** The formats that wrap a disk, in the order in which they are tried. */

import type { Format } from './format.ts';
import { qcow2 } from './qcow2/qcow2.ts';

export const formats: readonly Format[] = [qcow2];
