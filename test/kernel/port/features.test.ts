/** What wasm/config switches on is there and works: device mapper, RAID, ciphers, tunnels, packet filter, seccomp and others. */

import { createDecipheriv, createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LinkKind, newLink } from '../../../src/abi/netlink/links/link.ts';
import { type Attribute, attrU32, nested, raw, request, string } from '../../../src/abi/netlink/message.ts';
import { AT_FDCWD, O_RDWR, S_IFBLK } from '../../../src/abi/uapi/fs.ts';
import { TaskExited } from '../../../src/kernel/errors.ts';
import type { HostedTask } from '../../../src/kernel/hosted-task.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { plus, ptr } from '../../../src/kernel/memory.ts';
import { mknodat } from '../../../src/kernel/syscalls/dir.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { NetlinkSocket } from '../../../src/kernel/syscalls/netlink.ts';
import { readNames, readText } from '../../../src/kernel/sysfs.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { restoredKernel } from '../restored.ts';
import { lay, readAll, saveText, words } from './tasks.ts';

let kernel: Kernel;
let init: HostedTask;
beforeEach(() => {
  kernel = restoredKernel();
  init = kernel.init;
});
afterEach(() => kernel.kill());

const ascii = (text: string, bytes = text.length + 1) => {
  const out = new Uint8Array(bytes);
  out.set(new TextEncoder().encode(text));
  return out;
};
const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

describe('disks', () => {
  /** include/uapi/linux/dm-ioctl.h */
  const DM = { devCreate: 0xc138_fd03, devSuspend: 0xc138_fd06, tableLoad: 0xc138_fd09, listVersions: 0xc138_fd0d };
  const DM_HEADER = 312;

  /** One ioctl of the device mapper; answers the struct and what is behind it. */
  async function deviceMapper(command: number, name = '', targets: Uint8Array = new Uint8Array()) {
    const fd = must('openat', await openat(init, AT_FDCWD, '/dev/mapper/control', O_RDWR));
    const bytes = 16_384;
    const count = targets.length > 0 ? 1 : 0;
    const head = join(words(4, 0, 0, bytes, DM_HEADER, count, 0, 0, 0, 0, 0, 0), ascii(name, 264), targets);
    const at = lay(init, join(head, new Uint8Array(bytes - head.length)));
    must('ioctl', await init.syscall('ioctl', fd, command, at));
    return init.memory.copy(ptr(at), bytes);
  }

  it('the device mapper has the targets that LUKS, LVM2, dm-verity and dm-integrity name', async () => {
    const answer = await deviceMapper(DM.listVersions);
    const data = new DataView(answer.buffer, answer.byteOffset);
    const targets: string[] = [];
    for (let at = DM_HEADER; ; at += data.getUint32(at, true)) {
      targets.push(new TextDecoder().decode(answer.subarray(at + 16, answer.indexOf(0, at + 16))));
      if (data.getUint32(at, true) === 0) break;
    }
    const wanted = ['linear', 'striped', 'error', 'zero', 'mirror', 'snapshot', 'snapshot-origin', 'snapshot-merge'];
    wanted.push('thin', 'thin-pool', 'crypt', 'verity', 'integrity', 'raid', 'cache', 'delay', 'flakey', 'dust');
    expect(targets).toEqual(expect.arrayContaining(wanted));
  });

  it('what dm-crypt writes is AES-XTS as others have it', async () => {
    const disk = overlay(memoryDevice(new Uint8Array(64 * 512)));
    await kernel.attachDisk(disk);
    const [major] = (await readText(init, '/sys/block/vda/dev')).split(':').map(Number);
    const key = createHash('sha512').update('key').digest();
    await deviceMapper(DM.devCreate, 'secret');
    const table = ascii(`aes-xts-plain64 ${key.toString('hex')} 0 ${major}:0 0`, 256);
    const spec = join(words(0, 0, 64, 0, 0, 0), ascii('crypt', 16), table);
    await deviceMapper(DM.tableLoad, 'secret', spec);
    await deviceMapper(DM.devSuspend, 'secret');
    const [dmMajor = 0] = (await readText(init, '/sys/block/dm-0/dev')).split(':').map(Number);
    must('mknodat', await mknodat(init, AT_FDCWD, '/dev/dm-0', S_IFBLK | 0o600, { major: dmMajor, minor: 0 }));
    const text = 'a sector'.repeat(64);
    await saveText(init, '/dev/dm-0', text, O_RDWR);
    must('sync', await init.syscall('sync'));
    const sector = new Uint8Array(512);
    await disk.read(0, sector);
    const decipher = createDecipheriv('aes-256-xts', key, new Uint8Array(16));
    expect(Buffer.concat([decipher.update(sector), decipher.final()]).toString()).toBe(text);
  });

  it('md has every level', async () => {
    const mdstat = await readText(init, '/proc/mdstat');
    for (const level of ['linear', 'raid0', 'raid1', 'raid10', 'raid4', 'raid5', 'raid6'])
      expect(mdstat).toContain(`[${level}]`);
  });

  it('file systems and their options', async () => {
    const types = await readText(init, '/proc/filesystems');
    expect(types).toMatch(/\treiserfs$/m);
    expect(types).toMatch(/\tefs$/m);
    expect(await readNames(init, '/sys/fs/ext4/features')).toContain('encryption');
  });

  it('ciphers and hashes', async () => {
    const crypto = await readText(init, '/proc/crypto');
    const names = new Set([...crypto.matchAll(/^name +: (.*)$/gm)].map(([, name]) => name));
    for (const name of [
      'aes',
      'serpent',
      'twofish',
      'camellia',
      'sha1',
      'sha256',
      'sha512',
      'sha3-256',
      'rmd160',
      'wp512',
    ])
      expect(names).toContain(name);
  });
});

describe('networks', () => {
  const INFO_DATA = 2;
  const LINKINFO = 18;
  const INFO_KIND = 1;
  const IFLA_LINK = 5;
  const IFNAME = 3;
  const NEWLINK = 16;
  const CREATE_EXCL = 0x600;

  const link = (kind: string, data: readonly Attribute[] = [], more: readonly Attribute[] = []) =>
    request(NEWLINK, CREATE_EXCL, new Uint8Array(16), [
      string(IFNAME, `${kind}7`),
      ...more,
      nested(LINKINFO, [string(INFO_KIND, kind), ...(data.length > 0 ? [nested(INFO_DATA, data)] : [])]),
    ]);

  it('the loopback is the only device at first, in each namespace', async () => {
    const CLONE_NEWNET = 0x4000_0000;
    const BONDING = 'bonding_masters'; // no device, but a file of the bonding driver
    expect((await readNames(init, '/sys/class/net')).filter((name) => name !== BONDING)).toEqual(['lo']);
    must('unshare', await init.syscall('unshare', CLONE_NEWNET));
    expect((await readText(init, '/proc/net/dev')).match(/^ *\w+:/gm)).toEqual(['    lo:']);
  });

  it('every kind of tunnel and bundle can be made', async () => {
    const dummy: LinkKind = { kind: 'dummy' };
    const netlink = await NetlinkSocket.open(init);
    const devices = [50, 51];
    await netlink.send(devices.map((index) => newLink(dummy, { name: `below${index}`, index, up: true })));
    const [below, other] = devices.map((index) => [attrU32(IFLA_LINK, index)]);
    const wanted = [
      ...['ipip', 'gre', 'gretap', 'sit', 'ip6tnl', 'ip6gre', 'bond', 'wireguard', 'bridge', 'ifb'].map((k) => link(k)),
      link('vxlan', [attrU32(1, 42)]),
      link('geneve', [attrU32(1, 42)]),
      link('vrf', [attrU32(1, 100)]),
      link('macsec', [], below),
      link('macvlan', [], other),
    ];
    const refusals = await netlink.trySend(wanted);
    expect(refusals.map(({ index, error }) => `${index}: ${error.message}`)).toEqual([]);
    const names = await readNames(init, '/sys/class/net');
    for (const kind of ['ipip7', 'wireguard7', 'bond7', 'macsec7', 'vrf7', 'geneve7', 'sit7', 'gre7'])
      expect(names).toContain(kind);
  });

  it('a packet filter with counters, limits, tracking and address translation', async () => {
    const NETFILTER = 12;
    const nft = (kind: number) => 0x0a00 | kind;
    const be32 = (type: number, value: number) =>
      raw(type, Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
    const be64 = (type: number, value: number) =>
      raw(type, join(new Uint8Array(4), Uint8Array.of(0, 0, value >>> 8, value)));
    const IPV4 = Uint8Array.of(2, 0, 0, 0);
    const BATCH = Uint8Array.of(0, 0, 0, 0x0a);
    const CREATE = 0x400;
    const APPEND = 0x800;
    const expression = (name: string, ...data: readonly Attribute[]) => nested(1, [string(1, name), nested(2, data)]);
    const rule = (chain: string, ...expressions: readonly Attribute[]) =>
      request(nft(6), CREATE | APPEND, IPV4, [string(1, 't'), string(2, chain), nested(4, expressions)]);
    const chain = (name: string, type: string, hook: number, priority: number) =>
      request(nft(3), CREATE, IPV4, [
        string(1, 't'),
        string(3, name),
        nested(4, [be32(1, hook), be32(2, priority)]),
        string(7, type),
      ]);
    const ctState = expression('ct', be32(1, 1), be32(2, 0));
    const netlink = await NetlinkSocket.open(init, NETFILTER);
    const batch = [
      request(0x10, 0, BATCH),
      request(nft(0), CREATE, IPV4, [string(1, 't')]),
      chain('post', 'nat', 4, 100),
      chain('in', 'filter', 1, 0),
      rule('post', expression('masq')),
      rule('in', expression('counter'), expression('limit', be64(1, 10), be64(2, 1))),
      rule('in', ctState),
      rule('in', expression('reject', be32(1, 0), raw(2, Uint8Array.of(3)))),
      request(0x11, 0, BATCH),
    ];
    const refusals = await netlink.trySend(batch);
    expect(refusals.map(({ index, error }) => `${index}: ${error.message}`)).toEqual([]);
    expect(await readText(init, '/proc/sys/net/netfilter/nf_conntrack_count')).toMatch(/^\d+$/m);
  });

  it('a multicast router, and keys on TCP connections', async () => {
    const IP = 0;
    const [AF_INET, RAW, STREAM, IGMP, TCP] = [2, 3, 1, 2, 6];
    const router = must('socket', await init.syscall('socket', AF_INET, RAW, IGMP));
    expect(await init.syscall('setsockopt', router, IP, 200, lay(init, words(1)), 4)).toBe(0);
    const tcp = must('socket', await init.syscall('socket', AF_INET, STREAM, 0));
    const peer = join(Uint8Array.of(AF_INET, 0, 0, 0, 10, 0, 0, 1), new Uint8Array(120));
    const md5 = join(peer, Uint8Array.of(0, 0, 3, 0), words(0), ascii('key', 80));
    expect(await init.syscall('setsockopt', tcp, TCP, 14, lay(init, md5), md5.length)).toBe(0);
    const other = must('socket', await init.syscall('socket', AF_INET, STREAM, 0));
    const ao = join(
      peer,
      ascii('hmac(sha1)', 64),
      words(0, 0),
      Uint8Array.of(0, 0, 32, 1, 1, 0, 0, 3),
      ascii('key', 80),
    );
    expect(await init.syscall('setsockopt', other, TCP, 38, lay(init, ao), ao.length)).toBe(0);
  });
});

describe('system calls', () => {
  const GETPPID = 173;
  const EPERM = -1;

  /** A filter that answers getppid(2) with `verdict` and lets the rest pass. */
  async function filter(task: HostedTask, verdict: number): Promise<void> {
    const program = join(
      words(0x20, 0), // A = nr
      words(0x0100_0015, GETPPID), // not equal: skip one
      words(0x06, verdict),
      words(0x06, 0x7fff_0000),
    );
    const at = lay(task, program, 64);
    must('prctl', await task.syscall('prctl', 38, 1, 0, 0, 0));
    must('prctl', await task.syscall('prctl', 22, 2, lay(task, words(4, at)), 0, 0));
  }

  it('a seccomp filter refuses a call with the errno that it says', async () => {
    const task = await kernel.spawn();
    await filter(task, 0x0005_0000 | 1);
    expect(await task.syscall('getppid')).toBe(EPERM);
    expect(await task.syscall('getpid')).toBe(task.pid);
  });

  it('and ends the task, where it says so', async () => {
    const SIGSYS = 31;
    const task = await kernel.spawn();
    await filter(task, 0x8000_0000);
    const ended = await task.syscall('getppid').catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(TaskExited);
    expect((ended as TaskExited).status & 0x7f).toBe(SIGSYS);
  });

  it('memfd_create makes a file without a name', async () => {
    const fd = must('memfd_create', await init.syscall('memfd_create', lay(init, ascii('name')), 0));
    const at = lay(init, ascii('text'), 64);
    expect(await init.syscall('write', fd, at, 4)).toBe(4);
    expect(await readAll(init, `/proc/self/fd/${fd}`)).toEqual(new TextEncoder().encode('text'));
  });

  it('AF_ALG hashes', async () => {
    const [AF_ALG, SEQPACKET] = [38, 5];
    const fd = must('socket', await init.syscall('socket', AF_ALG, SEQPACKET, 0));
    const address = join(Uint8Array.of(AF_ALG, 0), ascii('hash', 14), words(0, 0), ascii('sha256', 64));
    must('bind', await init.syscall('bind', fd, lay(init, address), address.length));
    const hash = must('accept', await init.syscall('accept', fd, 0, 0));
    must('write', await init.syscall('write', hash, lay(init, ascii('abc')), 3));
    expect(await init.syscall('read', hash, plus(init.scratch, 64), 32)).toBe(32);
    const found = init.memory.copy(plus(init.scratch, 64), 32);
    expect(Buffer.from(found)).toEqual(createHash('sha256').update('abc').digest());
  });
});
