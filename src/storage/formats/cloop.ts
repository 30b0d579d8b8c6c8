/** cloop, the compressed images of Knoppix: zlib blocks under a shell script (cloop 2.x and 3.x, "compressed_loop.h"). */

import { FormatError } from '../errors.ts';
import type { Format } from './format.ts';
import { unpackChunk } from './parts/block-decoders.ts';
import { mapped } from './parts/mapped.ts';
import { after, big64, readBytes, tables, viewOf } from './parts/table.ts';

const CLOOP = 'cloop';
const PREAMBLE_BYTES = 128;
const HEADER_BYTES = PREAMBLE_BYTES + 8;

export const cloop: Format = {
  name: CLOOP,
  matches: ({ head }) => {
    const preamble = String.fromCharCode(...head.subarray(0, PREAMBLE_BYTES));
    return preamble.startsWith('#!/bin/sh\n#V') && preamble.includes('cloop');
  },
  async open(source, context) {
    const head = await readBytes(CLOOP, source, 0, HEADER_BYTES);
    const version = String.fromCharCode(...head.subarray(11, 16)).trim();
    if (!version.startsWith('V2.')) {
      throw new FormatError(CLOOP, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
    }
    const view = viewOf(head);
    const [blockBytes, blocks] = [view.getUint32(PREAMBLE_BYTES), view.getUint32(PREAMBLE_BYTES + 4)];
    if (blockBytes === 0 || blockBytes % 512 !== 0) throw new FormatError(CLOOP, `blocks of ${blockBytes} bytes`);
    context.mustFit(CLOOP, 'blocks', blockBytes);
    const table = tables(CLOOP, source);
    // Behind the last block's place stands where it ends.
    const endAt = HEADER_BYTES + 8 * blocks;
    const claimedBytes =
      endAt + 8 > source.sizeBytes ? endAt + 8 : big64(viewOf(await readBytes(CLOOP, source, endAt, 8)), 0);
    return {
      claimedBytes,
      content: mapped({
        name: CLOOP,
        sizeBytes: blocks * blockBytes,
        find(offset) {
          const block = Math.floor(offset / blockBytes);
          const within = offset % blockBytes;
          return after(table.view(HEADER_BYTES + 8 * block, 16), (entries) => {
            const [at, end] = [big64(entries, 0), big64(entries, 8)];
            if (end <= at || end - at > 2 * blockBytes + 1024) throw new FormatError(CLOOP, 'its table is damaged');
            const unpack = async () =>
              unpackChunk(CLOOP, context.chunks.inflateZlib, await readBytes(CLOOP, source, at, end - at), blockBytes);
            return { kind: 'packed', key: block, bytes: blockBytes - within, from: within, unpack };
          });
        },
      }),
    };
  },
};
