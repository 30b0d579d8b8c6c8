/** Files of a session's kernel, on their way to or from a client. */

import type { Sink } from '../../../archive/chunk-writer.ts';
import type { Host } from '../../../kernel/host.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';
import { rangeOf } from '../../../tree/byte-range.ts';
import { type OpenedFile, openPath } from '../../../tree/files.ts';
import { saveFile } from '../../../tree/save-file.ts';
import { bytesOf, sendTo } from '../client-stream.ts';
import type { FileBody, FoundPath, Told, WantedPath } from '../rpc.ts';
import type { WaitFor } from '../watched.ts';
import type { Live } from './waking.ts';

const ROOT = '/';

/** How the kernel and the client are waited for, and what an answer tells beside itself. */
export interface Exchange {
  readonly host: Host;
  /** Does what is to be done in the kernel. */
  readonly task: HostedTask;
  readonly waitFor: WaitFor;
  tell(): Told;
}

/** `begin` is called with the answer once a file's first bytes are read; resolves once it is read whole. */
export async function sendPath(
  path: Uint8Array,
  wanted: WantedPath,
  exchange: Exchange,
  begin: (found: FoundPath) => void,
): Promise<FoundPath> {
  const opened = await openPath(exchange.task, ROOT, path);
  try {
    if (opened.type === 'directory') {
      return {
        type: opened.type,
        ...(await opened.list(wanted.limit, wanted.after, wanted.onError)),
        ...exchange.tell(),
      };
    }
    return await sendFile(opened, wanted, exchange, begin);
  } finally {
    await opened.close();
  }
}

async function sendFile(
  opened: OpenedFile,
  wanted: WantedPath,
  { host, waitFor, tell }: Exchange,
  begin: (found: FoundPath) => void,
): Promise<FoundPath> {
  const sizeBytes = (await opened.isSized()) ? opened.sizeBytes : undefined;
  const range = wanted.range && sizeBytes !== undefined ? rangeOf(wanted.range, sizeBytes) : undefined;
  const { readable: body, writable } = new IdentityTransformStream();
  const sized = { ...(sizeBytes !== undefined && { sizeBytes }), ...(range && { range }) };
  const found: FoundPath = { type: opened.type, body, ...sized, ...tell() };
  const { offset, length } = range ?? { offset: 0, length: sizeBytes };
  // Answered with its first bytes, or at its end: what cannot be read at all is still a problem then.
  await sendTo(writable, host, waitFor, async (send) => {
    const sink: Sink = (chunk) => {
      begin(found);
      return send(chunk);
    };
    await (length === undefined ? opened.readAll(sink) : opened.read(offset, length, sink));
    begin(found);
  });
  return found;
}

/** Answers whether there was no such file before. */
export async function takeFile(
  { kernel }: Live,
  { path, mode, body }: FileBody,
  { host, task, waitFor }: Pick<Exchange, 'host' | 'task' | 'waitFor'>,
): Promise<boolean> {
  const bytes = bytesOf(body, host, waitFor);
  const growableBytes = () => kernel.engine.memoryLimit - kernel.memoryBytes;
  const { created } = await saveFile(task, { path, mode, bytes, growableBytes });
  return created;
}
