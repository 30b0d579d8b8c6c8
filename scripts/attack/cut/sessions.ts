/** Kinds of a session: made, used in every way, its WebSockets. */

import { frame } from '../wire.ts';
import { busy, call, json, type Kinds, LINES, plain, sent, slow, socket } from './kind.ts';

export interface SessionKindNeeds {
  /** One with programs, an interface `eth0` and a listener at port 8080 that never answers; and one to be put to sleep. */
  readonly session: string;
  readonly sleeper: string;
  /** An image that is mounted in the sleeper's, as vda. */
  readonly image: string;
}

const text = (value: unknown) => frame(JSON.stringify(value));

export function sessions({ session, sleeper, image }: SessionKindNeeds): Kinds {
  const [at, other] = [`/v1/sessions/${session}`, `/v1/sessions/${sleeper}`];
  const exec = (script: string, more: object = {}) =>
    json('execInSession', `${at}/exec`, { argv: ['sh', '-c', script], deadline_ms: 60_000, ...more });
  const lines = busy.map((one) => `${JSON.stringify(one)}\n`).join('');
  return {
    'new session': json('createSession', '/v1/sessions', { expires_in_s: 5 }),
    'new session with a disk': json('createSession', '/v1/sessions', {
      expires_in_s: 5,
      mounts: [{ image, at: '/mnt' }],
    }),
    'session batch': json('runInSession', `${at}/syscalls`, { calls: [...busy, ...slow.slice(0, 4)] }),
    'session batch of lines': {
      operation: 'runInSession',
      method: 'POST',
      path: `${at}/syscalls`,
      headers: { 'content-type': LINES },
      body: lines,
    },
    exec: exec('i=0; while [ $i -lt 300 ]; do i=$((i+1)); cat /proc/uptime; done'),
    'exec that sleeps': exec('while :; do sleep 1; done'),
    'session file': plain('getSessionFile', `${at}/files/proc/filesystems`),
    'session file that is put': sent('putSessionFile', `${at}/files/put`, new Uint8Array(1_000_000)),
    'session disk': plain('getSessionDisk', `${other}/disks/vda`),
    'session disk as an image': json('saveSessionDisk', `${other}/disks/vda/image`, { image: 'cut-saved' }),
    suspend: plain('suspendSession', `${other}/suspend`, 'POST'),
    fork: plain('forkSession', `${other}/fork`, 'POST'),
    session: plain('getSession', at),
    console: plain('getSessionConsole', `${at}/console`),
    strace: plain('getSessionStrace', `${other}/strace`),
    interfaces: plain('listSessionInterfaces', `${at}/interfaces`),
    'new interface': json('addSessionInterface', `${other}/interfaces`, {}),
    sessions: plain('listSessions', '/v1/sessions'),
    port: plain('getFromPort', `${at}/ports/8080/`),
    'posted to a port': sent('postToPort', `${at}/ports/8080/`, new Uint8Array(100_000), 'POST'),
    WebSocket: socket(
      'connectSession',
      `${at}/socket`,
      Array.from({ length: 5 }, () => text({ calls: busy.slice(0, 50) })),
    ),
    'WebSocket that is told': socket('connectSession', `${at}/socket?push=true`, [text({ calls: [call('getpid')] })]),
    terminal: socket('openTerminal', `${at}/terminal?columns=80&rows=24`, [
      frame(Buffer.from('while :; do cat /proc/filesystems; done\r'), 'binary'),
    ]),
    'terminal that sleeps': socket('openTerminal', `${at}/terminal?argv=sleep&argv=1000`, []),
    'WebSocket of an interface': socket('connectSessionInterface', `${at}/interfaces/eth0/socket`, [
      frame(Buffer.alloc(64, 0xff), 'binary'),
    ]),
  };
}
