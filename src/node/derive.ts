/** Argon2 as Node has it, natively: its memory is not that of JavaScript. */

import * as crypto from 'node:crypto';
import { promisify } from 'node:util';
import type { DeriveMeans } from '../image/stack/derive.ts';

/** Twice what cryptsetup takes at most, unless it is told otherwise. */
const ARGON2_MIB = 2048;

/** Node has it from 24.7 on; before that it is done in JavaScript. */
const argon2 = crypto.argon2 === undefined ? undefined : promisify(crypto.argon2);

export const nodeDerive: DeriveMeans = {
  argon2Mib: ARGON2_MIB,
  ...(argon2 && {
    argon2: async (secret, { type, salt, passes, memoryKib, lanes }, bytes) => {
      const parameters = {
        message: secret,
        nonce: salt,
        passes,
        memory: memoryKib,
        parallelism: lanes,
        tagLength: bytes,
      };
      return new Uint8Array(await argon2(type, parameters));
    },
  }),
};
