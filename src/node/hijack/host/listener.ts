/** The listener of a filter (seccomp_unotify(2)): calls come out of it, and answers go in. */

import { errnos } from '../../../abi/errno.ts';
import { hostCall } from '../../native/calls.ts';

// linux/seccomp.h: commands with the sizes of their structs.
const RECV = 0xc050_2100;
const SEND = 0xc018_2101;
const ID_VALID = 0x4008_2102;
const ADDFD = 0x4018_2103;
const SET_FLAGS = 0x4008_2104;
const CONTINUE = 1;
const SYNC_WAKE_UP = 1;
const [ADDFD_SETFD, ADDFD_SEND, O_CLOEXEC] = [1, 2, 0o2000000] as const;
const NOTIF_BYTES = 80;

/** A call that a thread of a program waits in, as struct seccomp_data has it. */
export class Notification {
  readonly id: bigint;
  /** The thread. */
  readonly tid: number;
  readonly nr: number;
  readonly arch: number;
  /** The low and high halves of the instruction pointer and the six arguments. */
  readonly words: Uint32Array;

  constructor(from: DataView) {
    this.id = from.getBigUint64(0, true);
    this.tid = from.getUint32(8, true);
    this.nr = from.getInt32(16, true);
    this.arch = from.getUint32(20, true);
    this.words = new Uint32Array((NOTIF_BYTES - 24) / 4);
    for (let i = 0; i < this.words.length; i++) this.words[i] = from.getUint32(24 + 4 * i, true);
  }

  /** An argument as C's int. */
  int(index: number): number {
    return (this.words[2 + 2 * index] ?? 0) | 0;
  }
  /** As unsigned int. */
  uint(index: number): number {
    return this.words[2 + 2 * index] ?? 0;
  }
  /** As a pointer or size_t; beyond 2^53 it is not exact, and no address either. */
  size(index: number): number {
    return (this.words[2 + 2 * index] ?? 0) + (this.words[3 + 2 * index] ?? 0) * 2 ** 32;
  }
  /** As long, long long or off_t. */
  long(index: number): bigint {
    return (BigInt((this.words[3 + 2 * index] ?? 0) | 0) << 32n) | BigInt(this.words[2 + 2 * index] ?? 0);
  }

  /** The same call of the same place in the program: made again, as far as that can be told. */
  repeats(other: Notification): boolean {
    return this.nr === other.nr && this.words.every((word, i) => word === other.words[i]);
  }
}

/** The kernel takes a lock for each of these, and a signal ends the wait for it. */
function control(fd: number, command: number, argument: NodeJS.TypedArray): number {
  for (;;) {
    const ret = hostCall('ioctl', fd, command, argument);
    if (ret !== EINTR) return ret;
  }
}

const EINTR = -errnos.EINTR.number;
const [SIG_BLOCK, SIG_SETMASK] = [0, 2] as const;
const allSignals = BigUint64Array.of(2n ** 64n - 1n);
const maskBefore = new BigUint64Array(1);

/**
 * Without signals: one that came while a descriptor is placed as the answer (SECCOMP_ADDFD_FLAG_SEND) would make that answer 0, and the descriptor
 * nobody's. SIGCHLD comes whenever a program ends.
 */
function unsignalled<T>(work: () => T): T {
  hostCall('rt_sigprocmask', SIG_BLOCK, allSignals, maskBefore, 8);
  try {
    return work();
  } finally {
    hostCall('rt_sigprocmask', SIG_SETMASK, maskBefore, 0, 8);
  }
}

export class Listener {
  readonly fd: number;
  readonly #in = new DataView(new ArrayBuffer(NOTIF_BYTES));
  readonly #inBytes = new Uint8Array(this.#in.buffer);
  readonly #response = new DataView(new ArrayBuffer(24));
  readonly #responseBytes = new Uint8Array(this.#response.buffer);
  readonly #add = new DataView(new ArrayBuffer(24));
  readonly #addBytes = new Uint8Array(this.#add.buffer);
  readonly #id = new BigUint64Array(1);

  constructor(fd: number) {
    this.fd = fd;
    // A kernel before 6.6 does not know it.
    hostCall('ioctl', fd, SET_FLAGS, BigInt(SYNC_WAKE_UP));
  }

  /** The next call; undefined: the one that was announced is gone. Only when the descriptor is readable: it would wait. */
  receive(): Notification | undefined {
    this.#inBytes.fill(0);
    return control(this.fd, RECV, this.#inBytes) === 0 ? new Notification(this.#in) : undefined;
  }

  /** Answers with a result, a negative errno included; false: the thread does not wait for it any more. */
  answer(id: bigint, result: number | bigint): boolean {
    const isError = result < 0;
    return this.#send(id, isError ? 0n : BigInt(result), isError ? Number(result) : 0, 0);
  }

  /** The machine's own kernel makes the call. */
  goOn(id: bigint): boolean {
    return this.#send(id, 0n, 0, CONTINUE);
  }

  #send(id: bigint, value: bigint, error: number, flags: number): boolean {
    this.#response.setBigUint64(0, id, true);
    this.#response.setBigInt64(8, value, true);
    this.#response.setInt32(16, error, true);
    this.#response.setUint32(20, flags, true);
    return control(this.fd, SEND, this.#responseBytes) === 0;
  }

  isValid(id: bigint): boolean {
    this.#id[0] = id;
    return control(this.fd, ID_VALID, this.#id) === 0;
  }

  /** A copy of our descriptor `fd` becomes the program's, under the number `at` if there is one, and with `answers` the call's result. Its number there, or a negative errno. */
  place(
    id: bigint,
    fd: number,
    { cloexec, answers, at }: { readonly cloexec: boolean; readonly answers: boolean; readonly at?: number },
  ): number {
    this.#add.setBigUint64(0, id, true);
    this.#add.setUint32(8, (answers ? ADDFD_SEND : 0) | (at === undefined ? 0 : ADDFD_SETFD), true);
    this.#add.setUint32(12, fd, true);
    this.#add.setUint32(16, at ?? 0, true);
    this.#add.setUint32(20, cloexec ? O_CLOEXEC : 0, true);
    return unsignalled(() => control(this.fd, ADDFD, this.#addBytes));
  }
}
