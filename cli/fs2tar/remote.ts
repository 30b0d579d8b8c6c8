/** `lkl fs2tar --url` and `lkl fs2zip --url`: the image goes to a Worker, the tar or zip comes back. */

import { Failure, reasonOf } from '../failure.ts';
import { queryOf as mountQuery, secretsOf } from '../look/remote.ts';
import { type Output, openOutput } from '../output/output.ts';
import { showProgress } from '../output/progress.ts';
import { gzipSink } from '../output/sink.ts';
import { failureOf, send } from '../remote/client.ts';
import { type ImageBody, imageBody } from '../remote/image-body.ts';
import { TarWatch } from '../remote/tar-watch.ts';
import { ZipWatch } from '../remote/zip-watch.ts';
import type { Fs2tarArguments } from './arguments.ts';
import { missingLine, reportMissing } from './missing.ts';

/** Whether the archive has everything. */
export async function fs2tar(path: string, options: Fs2tarArguments): Promise<boolean> {
  const { form = 'tar' } = options;
  if (options.selinux !== undefined)
    throw new Failure('usage', '--selinux is of a tar that is made here; what a Worker sends has the labels in it');
  const output = openOutput(options.output, `a ${form}`);
  const body = await imageBody(path);
  const watch = form === 'zip' ? new ZipWatch() : new TarWatch();
  const progress = await showProgress(options.quiet === true, () => ({
    bytesRead: body.stream.bytesRead,
    bytesWritten: watch.bytes,
    entries: watch.entries,
  }));
  try {
    const answer = await send(
      'POST',
      new URL(`v1/fs2${form}?${queryOf(options, body)}`, options.url),
      body,
      await secretsOf(options),
    );
    if (answer.statusCode !== 200) throw await failureOf(answer);
    await copy(
      answer,
      watch,
      form,
      options.gzip || options.compress === 'gzip' ? gzipSink(output.open()) : output.open(),
    );
    output.commit();
    progress.done();
  } finally {
    progress.stop();
  }
  // Without --on-error continue, a file of that name is the image's own.
  if (watch.errorList === undefined || options.onError === 'stop') return true;
  const lines = watch.errorList.trimEnd().split('\n').map(missingLine);
  reportMissing({ lines, count: lines.length, form });
  return false;
}

function queryOf({ path, onError, form: _, ...options }: Fs2tarArguments, { isDmg }: ImageBody): URLSearchParams {
  const query = mountQuery(options);
  if (isDmg) query.set('decompress', 'none');
  query.set('on-error', onError);
  if (path !== undefined) query.set('path', path);
  return query;
}

/** A tar that is to be compressed is so here, where entries can be counted before. */
async function copy(
  answer: AsyncIterable<Buffer>,
  watch: TarWatch | ZipWatch,
  form: 'tar' | 'zip',
  sink: ReturnType<Output['open']>,
): Promise<void> {
  for await (const chunk of unbroken(answer, form)) {
    watch.take(chunk);
    await sink.write(chunk);
  }
  if (!watch.ended) throw new Failure('failed', `the ${form} broke off: it ends before its end`);
  await sink.end();
}

async function* unbroken(answer: AsyncIterable<Buffer>, form: 'tar' | 'zip'): AsyncGenerator<Buffer> {
  try {
    yield* answer;
  } catch (cause) {
    throw new Failure('failed', `the ${form} broke off: ${reasonOf(cause)}`);
  }
}
