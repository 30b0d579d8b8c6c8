/** The kernel is compiled without being validated first. */

import { setFlagsFromString } from 'node:v8';

/**
 * It is our own and was validated when it was built: doing it again for functions that this command never calls would take longer
 * than all else that it does (39 ms of 47 on a 2026 server).
 */
export const validateNoMore = (): void => setFlagsFromString('--wasm-lazy-validation');
