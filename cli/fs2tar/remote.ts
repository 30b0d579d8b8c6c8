/** `lkl fs2tar --url`: the image goes to a Worker, the tar comes back. */

import { Failure, reasonOf } from '../failure.ts';
import { queryOf as mountQuery, secretsOf } from '../look/remote.ts';
import { type Output, openOutput } from '../output/output.ts';
import { showProgress } from '../output/progress.ts';
import { gzipSink } from '../output/sink.ts';
import { failureOf, send } from '../remote/client.ts';
import { imageBody } from '../remote/image-body.ts';
import { TarWatch } from '../remote/tar-watch.ts';
import type { Fs2tarArguments } from './arguments.ts';
import { missingLine, reportMissing } from './missing.ts';

/** Whether the tar has everything. */
export async function fs2tar(path: string, options: Fs2tarArguments): Promise<boolean> {
  const output = openOutput(options.output, 'a tar');
  const body = imageBody(path);
  const watch = new TarWatch();
  const progress = await showProgress(options.quiet === true, () => ({
    bytesRead: body.stream.bytesRead,
    bytesWritten: watch.bytes,
    entries: watch.entries,
  }));
  try {
    const answer = await send(
      'POST',
      new URL(`v1/fs2tar?${queryOf(options)}`, options.url),
      body,
      await secretsOf(options),
    );
    if (answer.statusCode !== 200) throw await failureOf(answer);
    await copy(answer, watch, output, options.gzip || options.compress === 'gzip');
    output.commit();
    progress.done();
  } finally {
    progress.stop();
  }
  // Without --on-error continue, a file of that name is the image's own.
  if (watch.errorList === undefined || options.onError === 'stop') return true;
  const lines = watch.errorList.trimEnd().split('\n').map(missingLine);
  reportMissing({ lines, count: lines.length });
  return false;
}

function queryOf({ path, onError, ...options }: Fs2tarArguments): URLSearchParams {
  const query = mountQuery(options);
  query.set('on-error', onError);
  if (path !== undefined) query.set('path', path);
  return query;
}

/** Compresses here, where entries can be counted before. */
async function copy(answer: AsyncIterable<Buffer>, watch: TarWatch, output: Output, gzip = false): Promise<void> {
  const sink = gzip ? gzipSink(output.open()) : output.open();
  for await (const chunk of unbroken(answer)) {
    watch.take(chunk);
    await sink.write(chunk);
  }
  if (!watch.ended) throw new Failure('failed', 'the tar broke off: it ends before its end');
  await sink.end();
}

async function* unbroken(answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* answer;
  } catch (cause) {
    throw new Failure('failed', `the tar broke off: ${reasonOf(cause)}`);
  }
}
