/** Bytes as a client likes on a socket, and all that comes back: for what no HTTP library would send. */

import { connected, sleep } from '../wire.ts';

export interface RawAnswer {
  /** Statuses of all answers that came, in order. */
  readonly statuses: readonly number[];
  readonly text: string;
  readonly closed: boolean;
}

/** Sends `pieces` one after another and listens until the connection ends or nothing came for `quietMs`. */
export async function raw(
  url: URL,
  pieces: string | Uint8Array | readonly (string | Uint8Array)[],
  quietMs = 1500,
): Promise<RawAnswer> {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  let closed = false;
  let lastMs = performance.now();
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    lastMs = performance.now();
  });
  socket.on('close', () => {
    closed = true;
  });
  for (const piece of typeof pieces === 'string' || pieces instanceof Uint8Array ? [pieces] : pieces) {
    if (socket.writable) socket.write(piece);
  }
  while (!closed && performance.now() - lastMs < quietMs) await sleep(20);
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  return { statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)), text, closed };
}
