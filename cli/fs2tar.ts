/** `lkl fs2tar`: the tree of an image as a tar. */

import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Command, InvalidArgumentError, Option } from 'commander';
import { failureOf, send } from './client.ts';
import type { EmbeddedWorker } from './embedded-worker.ts';
import { exitCodes, exitCodesHelp, Failure, isBrokenPipe, printable, reasonOf } from './failure.ts';
import { type ImageFile, openImage } from './image.ts';
import { openOutput } from './output.ts';
import { showProgress } from './progress.ts';
import { TarWatch } from './tar-watch.ts';

interface Options {
  readonly output?: string;
  readonly type?: string;
  readonly partition?: number;
  readonly path?: string;
  readonly options?: string;
  readonly compress: 'none' | 'gzip';
  readonly gzip?: true;
  readonly onError: 'stop' | 'continue';
  readonly url?: URL;
  readonly quiet?: true;
}

/** Of the list in a tar that has not everything. */
const MAX_ERRORS_SHOWN = 20;

class TarBrokeOff extends Error {}

export const fs2tarCommand = (): Command =>
  new Command('fs2tar')
    .summary('write the tree of a disk image as a tar')
    .description('Mounts a disk image read-only in a Linux kernel of its own and writes its tree as a tar.')
    .argument('<image>', 'a file, a block device, or - for standard input; gzip, zstd and xz are undone')
    .option('-o, --output <file>', 'write to a file (default: standard output)')
    .option('-t, --type <type>', 'file system, as in /proc/filesystems (default: found out)')
    .option('-p, --partition <number>', 'partition (default: the only one with a file system)', partitionNumber)
    .option('--path <directory>', 'only this directory (default: all)')
    .option('--options <options>', 'mount options, as for mount -o')
    .addOption(new Option('--compress <method>', 'compress the tar').choices(['none', 'gzip']).default('none'))
    .option('-z, --gzip', 'the same as --compress gzip')
    .addOption(
      new Option('--on-error <action>', 'at a file that cannot be read: stop; or go on, and list it in .fs2tar-errors')
        .choices(['stop', 'continue'])
        .default('stop'),
    )
    .option('--url <url>', 'send the image to this Worker (default: one embedded here)', workerUrl)
    .option('-q, --quiet', 'no progress on a terminal')
    .addHelpText('after', exitCodesHelp)
    .action(async (path: string, options: Options) => {
      process.exitCode = await fs2tar(path, options);
    });

function partitionNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Partitions are numbered from 1.');
}

export function workerUrl(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new InvalidArgumentError('It is no http or https URL.');
}

/** Answers the exit code. */
async function fs2tar(path: string, options: Options): Promise<number> {
  const output = openOutput(options.output);
  const image = openImage(path);
  const file = options.url === undefined ? image.file : undefined;
  const body = file === undefined ? image.stream() : undefined;
  const watch = new TarWatch();
  const progress = showProgress(options.quiet === true, () => ({
    bytesRead: body?.stream.bytesRead,
    bytesWritten: watch.bytes,
    entries: watch.entries,
  }));
  const worker = options.url === undefined ? await startWorker(file) : undefined;
  try {
    const base = options.url ?? worker?.url;
    const answer = file
      ? await send('GET', new URL(`v1/images/${file.name}/tar?${queryOf(options)}`, base))
      : await send('POST', new URL(`v1/fs2tar?${queryOf(options)}`, base), body);
    if (answer.statusCode !== 200) throw await failureOf(answer);
    await copyTar(answer, watch, output.open(), options);
    output.commit();
    progress.done();
  } catch (cause) {
    throw explained(cause, worker);
  } finally {
    progress.stop();
    await worker?.close();
  }
  // Without --on-error continue, a file of that name is the image's own.
  if (watch.errorList === undefined || options.onError === 'stop') return exitCodes.done;
  reportMissing(watch.errorList);
  return exitCodes.partial;
}

/** Loaded when needed: miniflare takes longer to load than all the rest. */
async function startWorker(file: ImageFile | undefined): Promise<EmbeddedWorker> {
  const { embeddedWorker } = await import('./embedded-worker.ts');
  return embeddedWorker(file);
}

function queryOf({ type, partition, path, options, onError }: Options): URLSearchParams {
  const query = new URLSearchParams({ 'on-error': onError });
  for (const [name, value] of Object.entries({ type, partition, path, options })) {
    if (value !== undefined) query.set(name, `${value}`);
  }
  return query;
}

/** Compresses here, where entries can be counted before, and beside the kernel. */
async function copyTar(answer: IncomingMessage, watch: TarWatch, sink: Writable, options: Options): Promise<void> {
  const gzip = options.gzip || options.compress === 'gzip' ? [createGzip()] : [];
  let failed: unknown;
  for (const stream of [answer, watch, sink]) {
    stream.once('error', () => {
      failed ??= stream; // the others follow
    });
  }
  try {
    await pipeline([answer, watch, ...gzip, sink], { end: sink !== process.stdout });
  } catch (cause) {
    if (failed !== sink) throw new TarBrokeOff('the tar broke off', { cause });
    throw isBrokenPipe(cause) ? cause : new Failure('failed', `the tar cannot be written: ${reasonOf(cause)}`);
  }
}

/** A connection that breaks off does not say why; an embedded Worker has logged it. */
function explained(cause: unknown, worker: EmbeddedWorker | undefined): unknown {
  if (!(cause instanceof TarBrokeOff)) return cause;
  const error = worker?.log.find(({ level }) => level === 'error')?.message;
  const [reason = ''] = error?.split('\n') ?? [];
  const kind = reason.startsWith('KernelError: ') ? 'image' : 'failed';
  return new Failure(kind, `the tar broke off: ${reason.replace(/^\w+: /, '') || reasonOf(cause.cause)}`, error);
}

function reportMissing(errorList: string): void {
  const lines = errorList.trimEnd().split('\n');
  console.error('lkl: the tar has not everything:');
  for (const line of lines.slice(0, MAX_ERRORS_SHOWN)) console.error(`lkl: ${printable(line.replaceAll('\t', ' '))}`);
  if (lines.length > MAX_ERRORS_SHOWN) console.error('lkl: … and more, see .fs2tar-errors');
}
