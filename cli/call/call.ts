/** Reads a batch, has it played here or by a Worker, and shows what the calls answered. */

import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { inWords, readAs } from '../../src/api/invalid/invalid.ts';
import { answerOf, batchOf, batch as batchSchema } from '../../src/api/syscalls/schema.ts';
import { ResultKeeper } from '../../src/batch/kept/result-keeper.ts';
import type { PlayedCall } from '../../src/batch/player.ts';
import { HostError } from '../../src/errors/host-error.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
import { openDiskFile } from '../input/disk.ts';
import { readJson } from '../input/read-json.ts';
import { unlockOf } from '../input/unlock.ts';
import { secretsOf } from '../look/remote.ts';
import type { StackOptions } from '../options.ts';
import { printing } from '../output/print.ts';
import { failureOf, send } from '../remote/client.ts';

export interface CallOptions extends Pick<StackOptions, 'passphraseFile' | 'keyFile'> {
  /** Files by the name that the batch has for them. */
  readonly image?: ReadonlyMap<string, string>;
  readonly json?: true;
  readonly url?: URL;
}

interface Result {
  readonly strace?: string;
}

/** What is used of an answer (BatchAnswer). */
interface Answer {
  readonly results: readonly Result[];
  readonly stopped?: unknown;
  readonly tasks?: Readonly<Record<string, { readonly results: readonly Result[]; readonly stopped?: unknown }>>;
}

/** Whether the batch came to its end. */
export async function call(file: string, options: CallOptions): Promise<boolean> {
  const read = await readJson(file);
  const asked = Array.isArray(read) ? { calls: read } : read;
  if (typeof asked !== 'object' || asked === null)
    throw new Failure('usage', 'a batch is a JSON object or a list of calls');
  const batch = options.json ? asked : { strace: true, ...asked };
  const answer = options.url === undefined ? await here(batch, options) : await remote(options.url, batch, options);
  await printing(async (out) => {
    if (options.json) return out.json(answer);
    for (const { strace } of answer.results) await out.print(`${strace}\n`);
    for (const [name, { results }] of Object.entries(answer.tasks ?? {})) {
      for (const { strace } of results) await out.print(`[${name}] ${strace}\n`);
    }
  });
  return (
    answer.stopped === undefined && Object.values(answer.tasks ?? {}).every(({ stopped }) => stopped === undefined)
  );
}

async function here(request: unknown, { image = new Map(), ...options }: CallOptions): Promise<Answer> {
  const read = readAs(batchSchema, request);
  if ('invalid' in read) throw new Failure('usage', inWords(read.invalid, 'the batch').join('; '));
  const { calls, ...head } = read.data;
  const engine = await openEngine();
  const batches = engine.batches(() => ({
    async image(name, { snapshot, ...choice }) {
      const file = image.get(name);
      if (file === undefined) {
        throw new HostError(
          'image-not-found',
          `the batch mounts the image ${name}: name its file with --image ${name}=FILE`,
        );
      }
      return { device: (await openDiskFile(file, { ...choice, state: snapshot })).device, etag: '' };
    },
  }));
  const keeper = new ResultKeeper();
  const batch = { ...batchOf(head, calls as readonly PlayedCall[]), unlock: await unlockOf(options) };
  const report = await batches.run(batch, (result, task) => keeper.keep(result, task));
  return answerOf(report, keeper, head.console) as Answer;
}

async function remote(base: URL, batch: unknown, options: CallOptions): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(batch));
  const stream = Object.assign(Readable.from([body]), { bytesRead: body.length });
  const headers = { 'content-type': 'application/json', ...(await secretsOf(options)) };
  const answer = await send('POST', new URL('v1/syscalls', base), { stream, lengthBytes: body.length }, headers);
  if (answer.statusCode !== 200) throw await failureOf(answer);
  return (await json(answer)) as Answer;
}
