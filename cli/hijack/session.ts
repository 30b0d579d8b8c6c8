/** `lkl hijack --session URL`: the kernel is that of a session of a Worker. */

import { json } from 'node:stream/consumers';
import { openRemoteKernel, type RemoteKernel } from '../../src/node/hijack/remote/remote-kernel.ts';
import { Failure } from '../failure.ts';
import { authorization, failureOf, send } from '../remote/client.ts';

interface SessionInfo {
  readonly memory: number;
  readonly clock: 'virtual' | 'wall';
}

/** `url` is the session's: …/v1/sessions/{id}. */
export async function openSession(url: URL): Promise<RemoteKernel> {
  const at = new URL(url.pathname.replace(/\/(socket)?$/, ''), url);
  const answer = await send('GET', at);
  if (answer.statusCode !== 200) throw await failureOf(answer);
  const { memory: memoryMib, clock } = (await json(answer)) as SessionInfo;
  if (clock === 'virtual') {
    throw new Failure(
      'usage',
      'the time of this session passes only while a batch waits: make one with "clock": "wall"',
    );
  }
  const socket = new URL(`${at.pathname}/socket?push`, at);
  socket.protocol = at.protocol === 'https:' ? 'wss:' : 'ws:';
  try {
    return await openRemoteKernel({ url: socket, headers: authorization(at), memoryMib });
  } catch (cause) {
    throw new Failure('failed', cause instanceof Error ? cause.message : String(cause));
  }
}
