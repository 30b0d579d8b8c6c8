/** A response body that a job writes: with back-pressure, and aborted when the job fails. */

import type { Sink } from '../../../archive/chunk-writer.ts';
import { StallWatch } from '../../bodies/stall.ts';
import type { Env } from '../env.ts';

export type StreamNeeds = Pick<Env['Variables'], 'gone' | 'keepAlive' | 'log' | 'meter' | 'nowMs'>;

/**
 * Settles at the job's first bytes, or at its end: what fails before that rejects and can still become a problem document.
 * What fails after it aborts the stream, so that the client never takes half for the whole. A client that goes away, or
 * that takes nothing for too long, fails the job's next write.
 */
export function streamed(
  job: (sink: Sink) => Promise<void>,
  { gone: left, keepAlive, log, meter, nowMs }: StreamNeeds,
  { readable, writable }: TransformStream<Uint8Array, Uint8Array> = new IdentityTransformStream(),
): Promise<ReadableStream<Uint8Array>> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadableStream<Uint8Array>>();
  const writer = writable.getWriter();
  const watch = new StallWatch();
  let begun = false;
  let gone = false;
  const begin = () => {
    begun = true;
    resolve(readable);
  };
  const tell = async (sent: Promise<void>) => {
    try {
      await watch.wait(sent);
    } catch (cause) {
      gone = true;
      throw cause;
    }
  };
  const sink: Sink = (chunk) => {
    begin();
    meter.sentBytes += chunk.length;
    return meter.phases.time('write', tell(writer.write(chunk)), nowMs);
  };
  // Of an answer that nobody was given yet nothing is ever taken, nor refused.
  const leave = () => void writer.abort(left.reason).catch(() => {});
  const run = async () => {
    if (left.aborted) leave();
    left.addEventListener('abort', leave, { once: true });
    try {
      await job(sink);
      begin();
      await tell(writer.close());
    } catch (cause) {
      reject(cause);
      meter.brokenOff = begun;
      if (begun && !gone) log(cause); // else whoever awaits this tells
      await writer.abort(cause).catch(() => {}); // there may be nobody left to tell
    } finally {
      left.removeEventListener('abort', leave);
      watch.end();
    }
  };
  keepAlive(run());
  return promise;
}
