/** A WebSocket into an interface of a session, as the session's object is asked for it. */

import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import { toldPort } from '../ports/request.ts';

const PATH = /\/interfaces\/([^/]+)\/socket$/;

/** The interface that is asked for; undefined: none is. */
export function cableRequest(request: Request): string | undefined {
  const [, name] = PATH.exec(new URL(request.url).pathname) ?? [];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** Asks the object of a session for a cable. */
export const askForCable = async (object: Pick<Fetcher, 'fetch'>, name: string): Promise<Response> =>
  toldPort(
    await object.fetch(`http://session/interfaces/${encodeURIComponent(name)}/socket`, {
      headers: { upgrade: 'websocket' },
    }),
  );

/** Two sessions that link to each other at once wait for each other. */
const MOST_MS = 10_000;

/** The one end of a cable whose other end is in an interface of that session. */
export async function cableTo(
  object: Pick<Fetcher, 'fetch'>,
  name: string,
  host: Pick<Host, 'timer'>,
): Promise<WebSocket> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = host.timer(MOST_MS, () => reject(new HostError('interface-busy')));
  const asked = askForCable(object, name);
  const { webSocket } = await Promise.race([asked, late])
    .catch((cause: unknown) => {
      // One that comes too late is nobody's.
      asked.then(
        (response) => response.webSocket?.close(),
        () => {},
      );
      throw cause;
    })
    .finally(cancel);
  if (!webSocket) throw new HostError('interface-not-found', 'the other session gave no cable');
  webSocket.accept();
  return webSocket;
}
