/** `ws`: a cable to whoever relays frames over a WebSocket. */

import { socketCable } from '../../network/websocket.ts';
import { InterfaceError } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';
import { isOpened } from './opened-socket.ts';

export async function openWebSocket(param: string): Promise<OpenedInterface> {
  const what = `ws ${param}`;
  if (!/^wss?:\/\//.test(param) || !URL.canParse(param))
    throw new InterfaceError(`${what}: its param is an address: ws://… or wss://…`);
  const socket = new WebSocket(param);
  socket.binaryType = 'arraybuffer';
  const cable = socketCable(socket);
  socket.addEventListener('close', () => cable.closed());
  socket.addEventListener('message', ({ data }) => cable.received(data));
  if (!(await isOpened(socket))) throw new InterfaceError(`${what}: it did not open a WebSocket`);
  return { backend: cable.backend, what };
}
