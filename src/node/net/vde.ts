/** A port of a vde_switch: asked for over its control socket, then one frame a datagram between two unix sockets (vde2). */

import { closeSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostCall, hostError, mustCall } from '../native/calls.ts';
import { frameBackend } from './frames.ts';
import { InterfaceError, refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = constants.O_NONBLOCK;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

/** The request: magic, version, type with the port in its upper bits, the address of our socket, and who we are. */
const MAGIC = 0xfeed_face;
const VERSION = 3;
const REQ_NEW_CONTROL = 0;
const SOCKADDR_UN_BYTES = 110;
const SUN_PATH_BYTES = 108;
const MOST_PORT = 0xff_ffff;
/** A switch answers at once, or is none. */
const ANSWER_SECONDS = 2n;
const BUFFER_BYTES = 1 << 20;

/** The directory of a switch, or `directory[port]`. */
export function openVde(param: string): OpenedInterface {
  const what = `vde ${param}`;
  const [, directory = '', portText] = /^(.*?)(?:\[(\d+)\])?$/s.exec(param) ?? [];
  const port = Number(portText ?? 0);
  if (directory === '' || port > MOST_PORT)
    throw new InterfaceError(`${what}: its param is the directory of a vde_switch (vde_switch -s DIRECTORY)`);
  const own = mkdtempSync(join(tmpdir(), 'lkl-vde-'));
  const fds: number[] = [];
  const forget = () => rmSync(own, { recursive: true, force: true });
  try {
    const control = socket(SOCK_STREAM);
    fds.push(control);
    mustCall('connect', control, addressOf(what, controlSocket(directory)), SOCKADDR_UN_BYTES);
    const data = socket(SOCK_DGRAM | SOCK_NONBLOCK);
    fds.push(data);
    const ours = addressOf(what, join(own, 'data'));
    mustCall('bind', data, ours, SOCKADDR_UN_BYTES);
    for (const option of [SO_SNDBUF, SO_RCVBUF])
      mustCall('setsockopt', data, SOL_SOCKET, option, Int32Array.of(BUFFER_BYTES), 4);
    const theirs = ask(control, ours, port);
    mustCall('connect', data, theirs, SOCKADDR_UN_BYTES);
    // The port is ours for as long as the control connection is there.
    const closed = () => {
      closeSync(control);
      forget();
    };
    return { backend: frameBackend({ fd: data, offloads: 0n, headerBytes: 0, closed }), what };
  } catch (cause) {
    for (const fd of fds) closeSync(fd);
    forget();
    if (cause instanceof InterfaceError) throw cause;
    throw refused(what, cause, {
      ENOENT: 'there is no switch: vde_switch -s DIRECTORY begins one',
      ECONNREFUSED: 'nobody listens there: the switch has ended',
      EACCES: 'the switch is not yours to connect with',
      EAGAIN: 'it does not answer as a vde_switch does',
      ENOTDIR: 'it is no directory of a vde_switch',
    });
  }
}

const socket = (type: number): number => mustCall('socket', AF_UNIX, type | SOCK_CLOEXEC, 0);

/** Older switches listen at the path itself. */
function controlSocket(directory: string): string {
  const isDirectory = statSync(directory).isDirectory();
  return isDirectory ? join(directory, 'ctl') : directory;
}

/** struct sockaddr_un */
function addressOf(what: string, path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length >= SUN_PATH_BYTES)
    throw new InterfaceError(`${what}: ${path} is longer than a socket's address may be (${SUN_PATH_BYTES - 1} bytes)`);
  const address = new Uint8Array(SOCKADDR_UN_BYTES);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  return address;
}

/** Sends the request; answers the address that frames go to. */
function ask(control: number, ours: Uint8Array, port: number): Uint8Array {
  const who = new TextEncoder().encode(`lkl PID=${process.pid}`);
  const request = new Uint8Array(12 + SOCKADDR_UN_BYTES + who.length);
  const view = new DataView(request.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, ((port << 8) | REQ_NEW_CONTROL) >>> 0, true);
  request.set(ours, 12);
  request.set(who, 12 + SOCKADDR_UN_BYTES);
  // struct timeval
  mustCall('setsockopt', control, SOL_SOCKET, SO_RCVTIMEO, BigInt64Array.of(ANSWER_SECONDS, 0n), 16);
  mustCall('write', control, request, request.length);
  const theirs = new Uint8Array(SOCKADDR_UN_BYTES);
  const bytes = hostCall('recvfrom', control, theirs, theirs.length, 0, 0, 0);
  if (bytes < 0) throw hostError('recvfrom', -bytes);
  if (bytes < 3 || theirs[0] !== AF_UNIX)
    throw new Error('the switch gave no port: it has none left, or that one is taken');
  return theirs;
}
