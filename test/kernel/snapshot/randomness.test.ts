/** What each restored kernel draws for itself, seen from outside: no two alike, unless a seed decides. Secrets that boot drew are in the snapshot, the same for all. */

import { describe, expect, it } from 'vitest';
import type { CallResult } from '../../../src/batch/language/types.ts';
import type { PlayedCall } from '../../../src/batch/player.ts';
import { call, play } from '../../conformance/kernel.ts';

const ref = (name: string) => ({ ref: name });
const read = (path: string): PlayedCall[] => [
  { ...call('open', path, 'O_RDONLY'), as: 'file' },
  call('read', ref('file'), { out: 64 }, 64),
];
const LOCAL = { sin_addr: '127.0.0.1' };
const ETH_P_IP = 0x800;
const FS_IOC_GETVERSION = 0x80047601;

/** The SYN of a connection whose addresses and ports are always the same, with its IP header. */
const syn: PlayedCall[] = [
  { ...call('socket', 'AF_PACKET', 'SOCK_DGRAM', 0), as: 'tap' },
  call('bind', ref('tap'), { sll_protocol: ETH_P_IP, sll_ifindex: 1 }, 20),
  { ...call('socket', 'AF_INET', 'SOCK_STREAM|SOCK_NONBLOCK', 0), as: 'tcp' },
  call('bind', ref('tcp'), { ...LOCAL, sin_port: 4000 }, 16),
  { ...call('connect', ref('tcp'), { ...LOCAL, sin_port: 80 }, 16), expect: 'EINPROGRESS' },
  call('recv', ref('tap'), { out: 128, type: 'bytes' }, 128, 0),
];
/** The ports that Linux chooses for connections. */
const ports = Array.from({ length: 4 }, (): PlayedCall[] => [
  { ...call('socket', 'AF_INET', 'SOCK_STREAM|SOCK_NONBLOCK', 0), as: 'tcp' },
  call('connect', ref('tcp'), { ...LOCAL, sin_port: 80 }, 16),
  call('getsockname', ref('tcp'), { out: 'sockaddr_in' }, [16]),
]).flat();
/** The generation of a new inode: of the seed for a directory's hashes, ext4 draws none; it takes that of the superblock. */
const generation: PlayedCall[] = [
  { ...call('open', '/mnt/new', 'O_RDWR|O_CREAT', 0o600), as: 'file' },
  call('ioctl', ref('file'), FS_IOC_GETVERSION, { out: 'u32' }),
];

/** The sequence number of a SYN (RFC 9293, 3.1) behind an IP header without options. */
function sequenceOf(result: CallResult | undefined): number {
  const { base64 = '' } = (result?.out ?? {}) as { readonly base64?: string };
  const tcp = new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer, 20);
  const [FLAGS, SYN] = [13, 2];
  expect([tcp.getUint16(0), tcp.getUint16(2), tcp.getUint8(FLAGS)]).toEqual([4000, 80, SYN]);
  return tcp.getUint32(4);
}

/** What is drawn, the calls that show it, and where in their results. */
const drawn: readonly (readonly [
  what: string,
  calls: readonly PlayedCall[],
  shown: (results: readonly CallResult[]) => unknown,
])[] = [
  ['getrandom', [call('getrandom', { out: 32 }, 32, 0)], ([random]) => random?.out],
  ['/dev/urandom', read('/dev/urandom'), ([, random]) => random?.out],
  ['uuid', read('/proc/sys/kernel/random/uuid'), ([, uuid]) => uuid?.out],
  ['boot_id', read('/proc/sys/kernel/random/boot_id'), ([, id]) => id?.out],
  ["a connection's initial sequence number", syn, (results) => sequenceOf(results.at(-1))],
  ['ports of connections', ports, (results) => results.filter((_, i) => i % 3 === 2).map(({ out }) => out ?? null)],
  ['generation of an inode', generation, ([, number]) => number?.out],
];

describe.each(drawn)('%s', (_, calls, shown) => {
  const once = async (seed?: string) => {
    const { results } = await play({ calls, seed, disks: [{ image: 'ext4', at: '/mnt', readOnly: false }] });
    const value = shown(results);
    expect(value).toBeTruthy();
    return value;
  };

  it('differs from restore to restore', async () => {
    expect(await once()).not.toEqual(await once());
  });

  it('is what the seed says', async () => {
    expect(await once('a seed')).toEqual(await once('a seed'));
    expect(await once('a seed')).not.toEqual(await once('another'));
  });
});
