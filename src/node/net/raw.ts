/** A device of this machine shared with it: every frame that it receives, and ours sent through it (packet(7)). */

import { closeSync, constants } from 'node:fs';
import { errnos } from '../../abi/errno.ts';
import { OFFLOADS } from '../../kernel/virtio/net-backend.ts';
import { hostCall, hostError, module, mustCall } from '../native/calls.ts';
import { frameBackend } from './frames.ts';
import { refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';
import { mustBeName } from './tap.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = constants.O_NONBLOCK;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ALL = 0x0003;
const SIOCGIFINDEX = 0x8933;
const SOL_PACKET = 263;
const PACKET = { ADD_MEMBERSHIP: 1, AUXDATA: 8, VNET_HDR: 15, IGNORE_OUTGOING: 23 } as const;
const MR_PROMISC = 1;
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;
const ETH_P_8021Q = 0x8100;

const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;
/** struct virtio_net_hdr, which this socket has in its older form. */
const HEADER = 10;
/** After the two MAC addresses. */
const TAG_AT = 12;
const TAG_BYTES = 4;

/** Frames as they are on the wire may be larger than its MTU, or lack their checksum: the header says so, whatever `wanted` is. */
export function openRaw(name: string, wanted: bigint): OpenedInterface {
  mustBeName('raw', name);
  const what = `raw ${name}`;
  let fd: number | undefined;
  try {
    // Of no protocol until it is bound: nothing of other devices is in its queue.
    fd = mustCall('socket', AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const index = indexOf(fd, name);
    option(fd, PACKET.VNET_HDR, Int32Array.of(1));
    option(fd, PACKET.AUXDATA, Int32Array.of(1));
    // Older than 4.20: what the host itself sends comes too.
    hostCall('setsockopt', fd, SOL_PACKET, PACKET.IGNORE_OUTGOING, Int32Array.of(1), 4);
    bind(fd, index);
    promiscuous(fd, index);
    const offloads =
      wanted &
      (OFFLOADS.csum |
        OFFLOADS.guestCsum |
        OFFLOADS.hostTso4 |
        OFFLOADS.hostTso6 |
        OFFLOADS.guestTso4 |
        OFFLOADS.guestTso6);
    return { backend: frameBackend({ fd, offloads, headerBytes: HEADER, read: reader(fd) }), what };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw refused(what, cause, {
      EPERM: 'only root, or who has CAP_NET_RAW, may',
      ENODEV: 'this machine has no such device',
      ENETDOWN: `it is down: ip link set ${name} up`,
    });
  }
}

function option(fd: number, name: number, value: Int32Array | Uint8Array): void {
  mustCall('setsockopt', fd, SOL_PACKET, name, value, value.byteLength);
}

function indexOf(fd: number, name: string): number {
  const ifreq = new Uint8Array(IFREQ_BYTES);
  ifreq.set(new TextEncoder().encode(name));
  mustCall('ioctl', fd, SIOCGIFINDEX, ifreq);
  return new DataView(ifreq.buffer).getInt32(IFNAMSIZ, true);
}

/** struct sockaddr_ll */
function bind(fd: number, index: number): void {
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, ETH_P_ALL);
  address.setInt32(4, index, true);
  mustCall('bind', fd, new Uint8Array(address.buffer), address.byteLength);
}

/** struct packet_mreq: frames for our MAC address, which the device does not have. */
function promiscuous(fd: number, index: number): void {
  const request = new DataView(new ArrayBuffer(16));
  request.setInt32(0, index, true);
  request.setUint16(4, MR_PROMISC, true);
  option(fd, PACKET.ADD_MEMBERSHIP, new Uint8Array(request.buffer));
}

/** recvmsg(2) of one frame, with the VLAN tag that Linux takes out of it put back. */
function reader(fd: number): (into: Uint8Array) => number | undefined {
  const { address } = module();
  const control = new Uint8Array(128);
  const controlView = new DataView(control.buffer);
  const iov = new BigUint64Array(2);
  const message = new BigUint64Array(7);
  return (into) => {
    iov[0] = address(into);
    iov[1] = BigInt(into.length - TAG_BYTES);
    message.set([0n, 0n, address(iov), 1n, address(control), BigInt(control.length), 0n]);
    let bytes: number;
    do bytes = hostCall('recvmsg', fd, message, 0);
    while (bytes === -errnos.EINTR.number);
    if (bytes === -errnos.EAGAIN.number) return undefined;
    if (bytes < 0) throw hostError('recvmsg', -bytes);
    const tag = tagIn(controlView, Number(message[5] ?? 0n));
    return tag === undefined ? bytes : insert(into, bytes, tag);
  };
}

/** struct cmsghdr (16 bytes), then struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid. */
function tagIn(control: DataView, length: number): { readonly tpid: number; readonly tci: number } | undefined {
  if (length < 36 || control.getInt32(8, true) !== SOL_PACKET || control.getInt32(12, true) !== PACKET.AUXDATA)
    return undefined;
  const status = control.getUint32(16, true);
  if (!(status & TP_STATUS_VLAN_VALID)) return undefined;
  const tpid = status & TP_STATUS_VLAN_TPID_VALID ? control.getUint16(34, true) : ETH_P_8021Q;
  return { tpid, tci: control.getUint16(32, true) };
}

/** Puts a tag into the frame behind the header; what the header counts from the frame's start moves with it. */
function insert(
  into: Uint8Array,
  bytes: number,
  { tpid, tci }: { readonly tpid: number; readonly tci: number },
): number {
  const at = HEADER + TAG_AT;
  if (bytes < at) return bytes;
  into.copyWithin(at + TAG_BYTES, at, bytes);
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  view.setUint16(at, tpid);
  view.setUint16(at + 2, tci);
  const NEEDS_CSUM = 1;
  if ((into[0] ?? 0) & NEEDS_CSUM) view.setUint16(6, view.getUint16(6, true) + TAG_BYTES, true);
  return bytes + TAG_BYTES;
}
