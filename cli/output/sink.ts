/** Where bytes of a command go: written at once where that does not wait for a reader, without being copied. */

import { fstatSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { hasCode } from '../../src/errors/has-code.ts';

/** Bytes in their order. What it is given may change once `write` has returned, or what that answered has settled. */
export interface ByteSink {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Settles when all is written. */
  end(): Promise<void>;
}

/** A signal is heard between turns of the event loop: so often there is one, whatever else there is to do. */
const TURN_MS = 20;

/** Answers a promise when it is time for a turn. */
export function turns(): () => void | Promise<void> {
  let lastMs = performance.now();
  return () => {
    if (performance.now() - lastMs < TURN_MS) return;
    return turn().then(() => {
      lastMs = performance.now();
    });
  };
}

/** A file or a device, which do not keep anybody waiting for long. */
export function fileSink(fd: number): ByteSink {
  const breathe = turns();
  return {
    write(bytes) {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      return breathe();
    },
    end: async () => {},
  };
}

/** Standard output. A pipe is written to until it is full; then its reader is waited for. */
export function stdoutSink(): ByteSink {
  const stats = fstatSync(1);
  if (!stats.isFIFO() && !stats.isSocket()) return fileSink(1);
  const { stdout } = process; // from here on its descriptor does not block
  const breathe = turns();
  let failed: Error | undefined;
  stdout.on('error', (cause) => {
    failed = cause;
  });
  const writeRest = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      stdout.write(bytes, (cause) => (cause ? reject(cause) : resolve()));
    });
  return {
    write(bytes) {
      if (failed) throw failed;
      let done = 0;
      while (done < bytes.length) {
        try {
          done += writeSync(1, bytes, done);
        } catch (cause) {
          if (!isFull(cause)) throw cause;
          return writeRest(bytes.subarray(done));
        }
      }
      return breathe();
    },
    end: async () => {},
  };
}

const isFull = (cause: unknown): boolean => hasCode(cause, 'EAGAIN');

/** Compresses, in another thread. */
export function gzipSink(behind: ByteSink): ByteSink {
  const gzip = createGzip();
  const passed = (async () => {
    for await (const chunk of gzip) await behind.write(chunk);
  })();
  passed.catch(() => {}); // `write` and `end` say so
  return {
    write(bytes) {
      if (gzip.write(bytes.slice())) return;
      const drained = new Promise<void>((resolve) => gzip.once('drain', resolve));
      return Promise.race([drained, passed]);
    },
    async end() {
      gzip.end();
      await passed;
      await behind.end();
    },
  };
}
