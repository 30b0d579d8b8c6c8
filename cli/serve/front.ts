/** The door of a Worker on this machine: passes bytes on as they are, and ends at once what nobody waits for any more. */

import { connect, createServer, type Socket } from 'node:net';

export interface FrontOptions {
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Where the Worker listens now, on loopback; undefined: nowhere, it is being started. */
  readonly to: () => { readonly host: string; readonly port: number } | undefined;
}

export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/** A client that was sent all there is and does not close its side either is left after so long. */
const LINGER_MS = 5000;
/** A client that closed its side and was sent nothing for so long is gone. */
const SILENCE_MS = 1000;

const STARTING =
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n';

/**
 * A client that hangs up sends a FIN, as one does that has only said all it has to say. workerd takes it for the latter: it
 * would go on with a program that runs for minutes, for a curl that was interrupted, and hear of it when the first byte of the
 * answer comes back refused. Here it is the former unless bytes of an answer go on being taken, as other servers have it too.
 */
export async function openFront({ host, port, to }: FrontOptions): Promise<Front> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    client.on('error', () => {}); // its close follows
    client.once('finish', () => setTimeout(() => client.destroy(), LINGER_MS).unref());
    const worker = to();
    if (worker) joined(client, connect({ ...worker, allowHalfOpen: true, noDelay: true }));
    else client.end(STARTING);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a server of TCP has a port');
  return {
    port: address.port,
    close() {
      for (const client of clients) client.destroy();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

function joined(client: Socket, worker: Socket): void {
  let isConnected = false;
  let looking: NodeJS.Timeout | undefined;
  worker.once('connect', () => {
    isConnected = true;
  });
  worker.on('error', () => {
    if (!isConnected) client.end(STARTING);
  });
  worker.once('end', () => client.end());
  worker.once('close', () => {
    clearInterval(looking);
    // What was cut off there is cut off here: half is never whole.
    if (worker.errored && isConnected) client.resetAndDestroy();
  });
  client.once('close', () => {
    clearInterval(looking);
    if (!worker.closed) worker.resetAndDestroy();
  });
  client.once('end', () => {
    let sent = client.bytesWritten;
    looking = setInterval(() => {
      if (client.bytesWritten === sent) client.destroy();
      sent = client.bytesWritten;
    }, SILENCE_MS);
  });
  client.pipe(worker, { end: false });
  worker.pipe(client, { end: false });
}
