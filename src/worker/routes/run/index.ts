/** Handlers of /v1/run. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import type { RunRequest, runAnswer, runEnd } from '../../../api/run/schema.ts';
import { toBase64 } from '../../../bytes/base64.ts';
import { Gathered } from '../../../bytes/gathered.ts';
import { HostError } from '../../../errors/host-error.ts';
import { bytesOf } from '../../../storage/block-device.ts';
import { deviceSource } from '../../../storage/sources/device-source.ts';
import type { DiskReport, RunOrder, RunReport } from '../../programs/run.ts';
import { workerTools } from '../../programs/toolbox.ts';
import { lineWriter, NDJSON } from '../answers/ndjson.ts';
import { streamed } from '../answers/stream.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import type { Env } from '../env.ts';
import { documentOfThrown } from '../problem.ts';
import { router, untyped } from '../router.ts';
import { orderOf } from './order.ts';
import { asJson, MAX_INLINE_BYTES, WholeCharacters } from './output.ts';
import { getTools, postRun } from './route.ts';

export const run = router();

run.use(postRun.getRoutingPath(), wholeBody);

run.openapi(postRun, async (c) => {
  const request = c.req.valid('json');
  const order = orderOf(request, MAX_INLINE_BYTES);
  const returned = request.disks.map((disk) => disk.return);
  const supports = ['application/json', NDJSON];
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' });
  return untyped(await (type === NDJSON ? asLines : asDocument)(c, order, request, returned));
});

run.openapi(getTools, (c) => {
  const tools = workerTools.map(({ name, links, source }) => ({ name, also: [...links], source }));
  return c.json({ tools }, 200, { 'cache-control': 'public, max-age=3600' });
});

/** What it reads, in pieces as a pipe takes them. */
function stdinOf({ stdin, stdin_base64 }: RunRequest): () => Uint8Array | undefined {
  let bytes: Uint8Array | undefined =
    stdin_base64 ?? (stdin === undefined ? undefined : new TextEncoder().encode(stdin));
  return () => {
    const all = bytes;
    bytes = undefined;
    return all;
  };
}

/** Holds what a program writes, within limits. */
class Kept {
  readonly #said = { stdout: new Gathered(), stderr: new Gathered() };
  readonly #take: (bytes: number) => Promise<void>;

  constructor(take: (bytes: number) => Promise<void>) {
    this.#take = take;
  }

  readonly sink =
    (name: 'stdout' | 'stderr') =>
    async (bytes: Uint8Array): Promise<void> => {
      const { stdout, stderr } = this.#said;
      if (stdout.length + stderr.length + bytes.length > MAX_INLINE_BYTES) {
        throw new HostError('output-too-large', `more than ${MAX_INLINE_BYTES} bytes of output: take it as ${NDJSON}`);
      }
      await this.#take(bytes.length);
      this.#said[name].add(bytes);
    };

  json() {
    const { stdout, stderr } = this.#said;
    return { ...asJson('stdout', stdout.take()), ...asJson('stderr', stderr.take()) };
  }
}

async function asDocument(
  c: Context<Env>,
  order: RunOrder,
  request: RunRequest,
  returned: readonly boolean[],
): Promise<Response> {
  const kept = new Kept((bytes) => c.var.memory.take(bytes));
  const streams = { stdin: stdinOf(request), stdout: kept.sink('stdout'), stderr: kept.sink('stderr') };
  try {
    const end = await c.var.jobs.programs.run(order, streams, (report) => endOf(report, returned));
    const answer: z.infer<typeof runAnswer> = { ...end, ...kept.json() };
    return c.json(answer, 200);
  } catch (cause) {
    // What it said until then tells why.
    if (!(cause instanceof HostError) || cause.kind === 'output-too-large') throw cause;
    throw new HostError(cause.kind, cause.message, {
      members: { ...cause.members, ...kept.json() },
      cause: cause.cause,
    });
  }
}

async function asLines(
  c: Context<Env>,
  order: RunOrder,
  request: RunRequest,
  returned: readonly boolean[],
): Promise<Response> {
  const stream = await streamed(async (sink) => {
    let begun = false;
    const out = lineWriter((chunk) => {
      begun = true;
      return sink(chunk);
    });
    const told = { stdout: new WholeCharacters(), stderr: new WholeCharacters() };
    const tell = async (name: 'stdout' | 'stderr', bytes: Uint8Array) => {
      if (bytes.length === 0) return;
      await out.line(asJson(name, bytes));
      await out.flush();
    };
    const hear = (name: 'stdout' | 'stderr') => (bytes: Uint8Array) => tell(name, told[name].add(bytes));
    const streams = { stdin: stdinOf(request), stdout: hear('stdout'), stderr: hear('stderr') };
    try {
      const end = await c.var.jobs.programs.run(order, streams, (report) => endOf(report, returned));
      for (const name of ['stdout', 'stderr'] as const) await tell(name, told[name].end());
      await out.line({ end });
      await out.flush();
    } catch (cause) {
      // Before anything was sent, it can still be the answer.
      if (!begun) throw cause;
      // A stream that breaks off could lose the line that says why; without an `end` nobody takes it for the whole.
      const problem = documentOfThrown(cause);
      await out.line({ problem });
      await out.flush();
      if (problem.status >= 500) c.var.log(cause);
    }
  }, c.var);
  return c.body(stream, 200, { 'content-type': NDJSON });
}

async function endOf(report: RunReport, returned: readonly boolean[]): Promise<z.infer<typeof runEnd>> {
  const { exitCode, signal, files, disks, clockNs } = report;
  const shown: z.infer<typeof runEnd>['disks'] = [];
  for (const [i, disk] of disks.entries()) shown.push(await diskJson(disk, returned[i] ?? false));
  return {
    ...(exitCode !== undefined && { exit_code: exitCode }),
    ...(signal !== undefined && { signal }),
    files: files.map(({ path, bytes, errno }) => ({
      path,
      ...(bytes && renamed(asJson('text', bytes))),
      ...(errno !== undefined && { errno }),
    })),
    disks: shown,
    clock_s: clockNs / 1e9,
  };
}

const renamed = ({ text, text_base64: base64 }: ReturnType<typeof asJson<'text'>>) => ({
  ...(text !== undefined && { text }),
  ...(base64 !== undefined && { base64 }),
});

async function diskJson({ disk, image, etag, version, sizeBytes, device }: DiskReport, isReturned: boolean) {
  const known = {
    disk,
    ...(image !== undefined && { image }),
    ...(etag !== undefined && { etag }),
    ...(version !== undefined && { version }),
    ...(sizeBytes !== undefined && { size_bytes: sizeBytes }),
  };
  if (!isReturned || !device) return known;
  const bytes = new Uint8Array(bytesOf(device));
  await deviceSource(device, bytes.length).read(0, bytes);
  return { ...known, base64: toBase64(bytes) };
}
