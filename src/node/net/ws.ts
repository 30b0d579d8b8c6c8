/** `ws`: a cable to whoever relays frames over a WebSocket. */

import { socketCable } from '../../network/websocket.ts';
import { InterfaceError } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';

const CONNECT_MS = 30_000;

export async function openWebSocket(param: string): Promise<OpenedInterface> {
  const what = `ws ${param}`;
  if (!/^wss?:\/\//.test(param) || !URL.canParse(param))
    throw new InterfaceError(`${what}: its param is an address: ws://… or wss://…`);
  const socket = new WebSocket(param);
  socket.binaryType = 'arraybuffer';
  const cable = socketCable(socket);
  await new Promise<void>((resolve, reject) => {
    const refuse = () => reject(new InterfaceError(`${what}: it did not open a WebSocket`));
    const timer = setTimeout(() => {
      refuse();
      socket.close();
    }, CONNECT_MS);
    socket.addEventListener('open', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.addEventListener('error', refuse);
    socket.addEventListener('close', () => {
      clearTimeout(timer);
      refuse();
      cable.closed();
    });
    socket.addEventListener('message', ({ data }) => cable.received(data));
  });
  return { backend: cable.backend, what };
}
