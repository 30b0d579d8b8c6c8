/** Reads scripts and what their commands name, has them played here or by a Worker, and says how each went. */

import { dirname, isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import type { z } from 'zod';
import { inWords, readAs } from '../../src/api/invalid/invalid.ts';
import {
  type packetdrillAnswer,
  packetdrillAnswerOf,
  packetdrillOf,
  packetdrillRequest,
} from '../../src/api/packetdrill/schema.ts';
import type { IpVersion } from '../../src/packetdrill/run/settings.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
import { textOf } from '../input/small-file.ts';
import { printing } from '../output/print.ts';
import { failureOf, send } from '../remote/client.ts';

export interface PacketdrillOptions {
  readonly ipVersion?: IpVersion[];
  readonly define?: Readonly<Record<string, string>>;
  readonly option?: Readonly<Record<string, string>>;
  readonly seed: string;
  readonly json?: true;
  readonly url?: URL;
}

type Answer = z.infer<typeof packetdrillAnswer>;

/** Files in the words of commands: "`../common/defaults.sh`". */
const NAMED = /(?:\.{1,2}\/)?[\w./-]+\.(?:sh|py)\b/g;
const COMMAND = /`([^`]*)`/g;

/** Answers how it ended: `usage` where a script could not be read. */
export async function packetdrill(
  files: readonly string[],
  options: PacketdrillOptions,
): Promise<'done' | 'partial' | 'usage'> {
  const play = options.url === undefined ? await here() : remote(options.url);
  const answers: (Answer & { readonly file: string })[] = [];
  await printing(async (out) => {
    for (const file of files) {
      const answer = await play(await requestOf(file, options));
      answers.push({ file, ...answer });
      if (options.json) continue;
      for (const { ip_version, passed, unreadable, error, printed } of answer.results) {
        if (unreadable) {
          await out.print(`${error}\n${file}: cannot be read\n`);
          continue;
        }
        for (const line of printed) await out.print(`${line}\n`);
        await out.print(`${passed ? '' : `${error}\n`}${file} [${ip_version}]: ${passed ? 'passed' : 'failed'}\n`);
      }
    }
    if (options.json) await out.json({ scripts: answers });
  });
  if (answers.some(({ results }) => results.some(({ unreadable }) => unreadable))) return 'usage';
  return answers.every(({ passed }) => passed) ? 'done' : 'partial';
}

async function requestOf(file: string, { ipVersion, define = {}, option = {}, seed }: PacketdrillOptions) {
  const script = await textOf(file, 'script');
  const named = [...script.matchAll(COMMAND)].flatMap(([, command = '']) => command.match(NAMED) ?? []);
  const files: Record<string, string> = {};
  for (const path of new Set(named)) {
    const text = isAbsolute(path) || path.endsWith('.py') ? undefined : await beside(file, path);
    if (text !== undefined) files[path] = text;
  }
  return {
    script,
    name: file,
    ...(ipVersion && { ip_versions: ipVersion }),
    defines: define,
    options: option,
    files,
    seed,
  };
}

/** One that is not there may be known by its name. */
async function beside(file: string, path: string): Promise<string | undefined> {
  try {
    return await textOf(join(dirname(file), path), 'script');
  } catch {
    return undefined;
  }
}

type Play = (request: Awaited<ReturnType<typeof requestOf>>) => Promise<Answer>;

async function here(): Promise<Play> {
  const engine = await openEngine();
  return async (request) => {
    const read = readAs(packetdrillRequest, request);
    if ('invalid' in read) throw new Failure('usage', inWords(read.invalid, 'the request').join('; '));
    return packetdrillAnswerOf(await engine.packetdrill.run(packetdrillOf(read.data)));
  };
}

const remote =
  (base: URL): Play =>
  async (request) => {
    const body = Buffer.from(JSON.stringify(request));
    const stream = Object.assign(Readable.from([body]), { bytesRead: body.length });
    const headers = { 'content-type': 'application/json' };
    const answer = await send('POST', new URL('v1/packetdrill', base), { stream, lengthBytes: body.length }, headers);
    if (answer.statusCode !== 200) throw await failureOf(answer);
    return (await json(answer)) as Answer;
  };
