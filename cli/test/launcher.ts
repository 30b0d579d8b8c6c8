/** The command that tests start: compiled as it is in the package (by compiled.ts), or the checkout's own. */

import { fileURLToPath } from 'node:url';

export const checkoutLauncher = fileURLToPath(new URL('../lkl.mjs', import.meta.url));

export const launcher = process.env.LKL_TEST_LAUNCHER ?? checkoutLauncher;
