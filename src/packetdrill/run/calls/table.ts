/** The system calls of scripts, by their names. */

import { AT_FDCWD } from '../../../abi/uapi/fs.ts';
import { plus } from '../../../kernel/memory.ts';
import type { Expression } from '../../language/script.ts';
import { ScriptError } from '../../language/script-error.ts';
import { type Call, type CallContext, mustEqual } from './context.ts';
import { recvmsg, sendmsg, vectors } from './messages.ts';
import { fcntl, getsockopt, ioctl, setsockopt } from './options.ts';
import { epollCtl, epollWait, poll } from './polling.ts';

const O_LARGEFILE = 0o100_000;

/** An address that a call takes: said, or what "..." stands for. Answers where it is and how long. */
async function addressOf(
  c: CallContext,
  given: Expression | undefined,
  length: Expression | undefined,
  usual: Uint8Array,
): Promise<readonly [number, number]> {
  if (given?.kind === 'words' && given.text === 'AF_UNSPEC') return [await c.put(new Uint8Array(16)), 16];
  if (given?.kind === 'words' || given?.kind === 'number') return [c.number(given), c.values.numberOr(length, 0)];
  const bytes = given?.kind === 'struct' ? c.values.sockaddrOf(given.fields) : usual;
  return [await c.put(bytes), c.values.numberOr(length, bytes.length)];
}

const remote = (c: CallContext) => c.values.sockaddr(c.settings.remote, c.settings.connectPort);

const socket: Call = async (c, [domain, type, protocol]) => ({
  ret: await c.make(
    'socket',
    c.values.numberOr(domain, c.values.family),
    c.number(type),
    c.values.numberOr(protocol, 0),
  ),
  isFd: true,
});

const bind: Call = async (c, [fd, address, length]) => {
  const local = c.values.sockaddr(c.settings.local, c.settings.bindPort);
  const [at, bytes] = await addressOf(c, address, length, local);
  const port = at === 0 ? 0 : new DataView(c.memory.copy(plus(at as never, 2), 2).buffer).getUint16(0);
  c.connections.bound(c.number(fd), port);
  return { ret: await c.make('bind', c.fd(fd), at, bytes) };
};

const listen: Call = async (c, [fd, backlog]) => {
  c.connections.listens(c.number(fd));
  return { ret: await c.make('listen', c.fd(fd), c.number(backlog)) };
};

const connect: Call = async (c, [fd, address, length]) => {
  c.connections.connects(c.number(fd));
  return { ret: await c.make('connect', c.fd(fd), ...(await addressOf(c, address, length, remote(c)))) };
};

const accepting =
  (name: 'accept' | 'accept4'): Call =>
  async (c, [fd, address, , flags], expected) => {
    const wants = address?.kind === 'struct' || address?.kind === 'ellipsis';
    const length = await c.room(4);
    c.memory.setU32(length, 128);
    const at = await c.room(128);
    const args = wants ? [at, length] : [0, 0];
    const more = name === 'accept4' ? [c.values.numberOr(flags, 0)] : [];
    const ret = await c.make(name, c.fd(fd), ...args, ...more);
    if (ret >= 0 && expected.kind !== 'ellipsis') c.connections.accepted(c.number(expected));
    return { ret, isFd: true };
  };

const reading: Call = async (c, [fd, , count]) => {
  const bytes = c.number(count);
  return { ret: await c.make('read', c.fd(fd), await c.room(bytes), bytes) };
};

const writing: Call = async (c, [fd, data, count]) => {
  const bytes = c.number(count);
  const at = await c.room(bytes);
  if (data?.kind === 'string') c.memory.write(at, c.values.bytesOf(data.text).subarray(0, bytes));
  return { ret: await c.make('write', c.fd(fd), at, bytes) };
};

const vectored =
  (name: 'readv' | 'writev'): Call =>
  async (c, [fd, list, count]) => {
    const [at, all] = await vectors(c, list);
    return { ret: await c.make(name, c.fd(fd), at, c.values.numberOr(count, all)) };
  };

const sending: Call = async (c, [fd, , count, flags, address, length]) => {
  const bytes = c.number(count);
  const at = await c.room(bytes);
  const number = c.number(flags);
  if (number & c.values.words('MSG_FASTOPEN')) c.connections.connects(c.number(fd));
  const to = address ? await addressOf(c, address, length, remote(c)) : [0, 0];
  return { ret: await c.make('sendto', c.fd(fd), at, bytes, number, ...to) };
};

const receiving: Call = async (c, [fd, , count, flags, address]) => {
  const bytes = c.number(count);
  const from = address?.kind === 'ellipsis' || address?.kind === 'struct' ? await c.room(128) : 0;
  const length = await c.room(4);
  c.memory.setU32(length, 128);
  const at = await c.room(bytes);
  return { ret: await c.make('recvfrom', c.fd(fd), at, bytes, c.number(flags), from, from && length) };
};

const close: Call = async (c, [fd]) => {
  const live = c.fd(fd);
  const script = c.number(fd);
  const ret = await c.make('close', live);
  c.connections.closed(script);
  c.lostFd(script);
  return { ret };
};

const pipe: Call = async (c, [fds]) => {
  const at = await c.room(8);
  const ret = await c.make('pipe2', at, 0);
  if (ret === 0 && fds?.kind === 'list') {
    for (const [i, one] of fds.items.entries()) c.gotFd(one, c.memory.i32(plus(at, 4 * i)));
  }
  return { ret };
};

const open: Call = async (c, [path, flags, mode]) => {
  if (path?.kind !== 'string') throw new ScriptError('a path in quotes was expected');
  const at = await c.text(path.text);
  const ret = await c.make('openat', AT_FDCWD, at, c.number(flags) | O_LARGEFILE, mode ? c.number(mode) : 0);
  return { ret, isFd: true };
};

/** An offset: NULL, or "[0]", a number that the call moves. */
async function offset(c: CallContext, given: Expression | undefined): Promise<number> {
  if (given?.kind !== 'list') return 0;
  const at = await c.room(8);
  const [value] = given.items;
  c.memory.setU32(at, value && value.kind !== 'ellipsis' ? c.number(value) : 0);
  return at;
}

const sendfile: Call = async (c, [out, from, at, count]) => ({
  ret: await c.make('sendfile64', c.fd(out), c.fd(from), await offset(c, at), c.number(count)),
});

const splice: Call = async (c, [from, fromAt, to, toAt, count, flags]) => {
  const offsets = [await offset(c, fromAt), await offset(c, toAt)] as const;
  const ret = await c.make('splice', c.fd(from), offsets[0], c.fd(to), offsets[1], c.number(count), c.number(flags));
  return { ret };
};

const shutdown: Call = async (c, [fd, how]) => ({ ret: await c.make('shutdown', c.fd(fd), c.number(how)) });
const epollCreate: Call = async (c) => ({ ret: await c.make('epoll_create1', 0), isFd: true });
const dup: Call = async (c, [fd]) => ({ ret: await c.make('dup', c.fd(fd)), isFd: true });

const eventfd: Call = async (c, [value, flags]) => ({
  ret: await c.make('eventfd2', c.number(value), c.values.numberOr(flags, 0)),
  isFd: true,
});

/** Which of the two addresses; what it is is not looked at but for the port of an internet address. */
const naming =
  (name: 'getsockname' | 'getpeername'): Call =>
  async (c, [fd, address]) => {
    const length = await c.room(4);
    c.memory.setU32(length, 128);
    const at = await c.room(128);
    const ret = await c.make(name, c.fd(fd), at, length);
    const check = () => {
      if (ret < 0 || address?.kind !== 'struct') return;
      const expected = c.values.sockaddrOf(address.fields);
      const actual = c.memory.copy(at, expected.length);
      for (const [i, byte] of expected.entries()) mustEqual(`byte ${i} of ${name}'s address`, byte, actual[i] ?? -1);
    };
    return { ret, check };
  };

const calls: Readonly<Record<string, Call>> = {
  socket,
  bind,
  listen,
  connect,
  accept: accepting('accept'),
  accept4: accepting('accept4'),
  read: reading,
  write: writing,
  readv: vectored('readv'),
  writev: vectored('writev'),
  send: sending,
  sendto: sending,
  recv: receiving,
  recvfrom: receiving,
  sendmsg,
  recvmsg,
  close,
  shutdown,
  fcntl,
  ioctl,
  setsockopt,
  getsockopt,
  getsockname: naming('getsockname'),
  getpeername: naming('getpeername'),
  poll,
  epoll_create: epollCreate,
  epoll_create1: epollCreate,
  epoll_ctl: epollCtl,
  epoll_wait: epollWait,
  pipe,
  pipe2: pipe,
  open,
  dup,
  eventfd,
  sendfile,
  sendfile64: sendfile,
  splice,
};

/** Throws a `ScriptError` where there is none of this name. */
export function callOf(name: string, line?: number): Call {
  const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (!call) throw new ScriptError(`the system call ${name} is not supported`, line);
  return call;
}
