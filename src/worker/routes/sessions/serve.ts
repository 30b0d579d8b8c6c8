/** What is said over a session's WebSockets: terminals; batches and their answers, and results of kept tasks as they come. */

import type { Hold } from '../../bodies/budget.ts';
import { valueIn } from '../../session/rpc.ts';
import type { Served } from '../../session/session.ts';
import { parsed } from '../answers/ndjson.ts';
import { documentOfThrown } from '../problem.ts';
import { sessionAnswerOf, sessionBatch, wholeBatchOf } from './schema.ts';
import { serveBatches } from './socket.ts';
import { serveTerminal } from './terminal.ts';

/** With `push` in the query of `url`, a result of a kept task that no batch waits for is sent as soon as it is there. */
export function serveSession(socket: WebSocket, url: URL, session: Served, memory: Hold): void {
  if (url.pathname.endsWith('/terminal')) {
    serveTerminal(socket, url, session, memory);
    return;
  }
  const run = async (text: string): Promise<unknown> => {
    try {
      const batch = parsed(sessionBatch, 'message', text);
      return sessionAnswerOf(valueIn(await session.run(wholeBatchOf(batch))), batch.console);
    } catch (cause) {
      return { problem: documentOfThrown(cause) };
    }
  };
  const { push, closed } = serveBatches(socket, run, memory);
  if (!url.searchParams.has('push')) return;
  closed(session.listen((task, result) => push({ event: { task, result } })));
}
