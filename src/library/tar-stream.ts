/** A tar or a zip as a stream that its reader paces, and what is to be told of it afterwards. */

import type { Sink } from '../archive/chunk-writer.ts';
import { exceptionOf } from '../errors/exception.ts';
import { nodeHost } from '../node/host.ts';
import type { Fs2tarReport } from '../tree/fs2tar/fs2tar.ts';

/** Of 64 KiB: between them other work of the process has a turn, even where nothing has to be waited for. */
const CHUNKS_A_TURN = 32;

/** A web stream (`for await`, `Readable.fromWeb`, `new Response`); it errors where what it carries cannot be made whole. */
export interface TarStream extends ReadableStream<Uint8Array> {
  /** Settles when the last byte has been read: counts, and with `onError: 'continue'` what is missing. */
  readonly report: Promise<Fs2tarReport>;
}

/**
 * `make` writes a tar to its sink; it waits while nobody reads, and fails when the reader cancels.
 *
 * @internal
 */
export function tarStream(make: (sink: Sink) => Promise<Fs2tarReport>): TarStream {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const report = (async () => {
    try {
      let chunks = 0;
      const made = await make(async (chunk) => {
        await writer.write(chunk);
        chunks += 1;
        if (chunks % CHUNKS_A_TURN === 0) await nodeHost.turn();
      });
      await writer.close();
      return made;
    } catch (cause) {
      const error = cause === undefined ? new Error('it was let go before its end') : exceptionOf(cause);
      await writer.abort(error).catch(() => {}); // its reader may be the one who gave up
      throw error;
    }
  })();
  report.catch(() => {}); // who reads the stream meets the error there
  return Object.assign(readable, { report });
}
