/** What a script's numbers mean on the wire: the connections it has, their ports, sequence numbers and timestamps. */

import { decodeTcp, type LivePacket, PROTOCOL, type TcpSegment } from '../packet/wire.ts';
import type { Settings } from './settings.ts';

/** Ports that remote sides take, one a connection. */
const FIRST_REMOTE_PORT = 40_000;

export class Connection {
  readonly protocol: number;
  localPort: number;
  remotePort: number;
  /** The script's descriptor of it. */
  fd: number | undefined;
  /** What its first sequence number is on the wire, less what it is in the script. */
  seqOffset = 0;
  /** The same of the remote side: after its SYN a script counts from that. */
  remoteOffset = 0;
  /** The remote side has sent something else than a SYN: one more does not begin the connection anew. */
  hasBegun = false;
  isClosed = false;
  /** Timestamps of ours: the script's number to the wire's. */
  readonly #timestamps = new Map<number, number>();
  #first: readonly [script: number, live: number] | undefined;

  constructor(protocol: number, localPort: number, remotePort: number) {
    this.protocol = protocol;
    this.localPort = localPort;
    this.remotePort = remotePort;
  }

  /** One of ours was `live` where the script says `script`; answers how many ticks it is off what the first ones promise. */
  sawTimestamp(script: number, live: number): number {
    this.#timestamps.set(script, live);
    this.#first ??= [script, live];
    return live - this.#first[1] - (script - this.#first[0]);
  }

  /** What the remote side echoes. */
  liveTimestamp(script: number): number {
    if (script === 0) return 0;
    const known = this.#timestamps.get(script);
    if (known !== undefined) return known;
    return this.#first ? (this.#first[1] + script - this.#first[0]) >>> 0 : script;
  }
}

export class Connections {
  readonly #settings: Settings;
  readonly #all: Connection[] = [];
  #listening: number | undefined;
  #listensAnew = false;
  /** The descriptor of the last call that may begin a connection. */
  #connecting: number | undefined;
  #current: Connection | undefined;
  #nextPort = FIRST_REMOTE_PORT;
  /** By descriptor, of what was bound. */
  readonly #bound = new Map<number, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get current(): Connection | undefined {
    return this.#current;
  }

  bound(fd: number, port: number): void {
    this.#bound.set(fd, port);
  }
  /** The next SYN of the remote side begins a connection. */
  listens(fd: number): void {
    this.#listening = fd;
    this.#listensAnew = true;
  }
  /** What is sent next is of this socket: its SYN, if it has no connection yet. */
  connects(fd: number): void {
    this.#connecting = fd;
    const known = this.#all.findLast((one) => one.fd === fd && !one.isClosed);
    this.#current = known;
  }
  /** The descriptor whose connection is at hand. */
  get fd(): number | undefined {
    return this.#current ? this.#current.fd : this.#connecting;
  }
  accepted(fd: number): void {
    const waiting = this.#all.find((one) => one.protocol === PROTOCOL.tcp && one.fd === undefined && !one.isClosed);
    if (waiting) waiting.fd = fd;
  }
  closed(fd: number): void {
    if (this.#listening === fd) this.#listening = undefined;
    for (const one of this.#all) if (one.fd === fd) one.isClosed = true;
  }

  /** Where a packet of the script's remote side belongs; a first SYN begins a connection. */
  forInbound(protocol: number, isSyn: boolean, ports: readonly [number, number] | undefined): Connection {
    const current = this.#current;
    if (ports) {
      const known = this.#find(protocol, ports[1], ports[0]);
      if (known) return known;
      return this.#add(protocol, ports[1], ports[0], undefined);
    }
    const isOther = !current || current.isClosed || current.protocol !== protocol || this.#listensAnew;
    const isNew = isSyn && this.#listening !== undefined && isOther;
    if (current && current.protocol === protocol && !isNew) return current;
    this.#listensAnew = false;
    const { bindPort, connectPort } = this.#settings;
    const listening = this.#listening === undefined ? undefined : this.#bound.get(this.#listening);
    const [first] = [...this.#bound.values()];
    const remote = protocol === PROTOCOL.udp ? connectPort : this.#nextPort++;
    return this.#add(protocol, listening ?? first ?? bindPort, remote, undefined);
  }

  /** Whose packet of ours it is; a SYN or a datagram of nobody's begins a connection. Undefined: of none. */
  forOutbound({ protocol, payload }: LivePacket): Connection | undefined {
    const at = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (payload.length < 8) return undefined;
    const [local, remote] = [at.getUint16(0), at.getUint16(2)];
    const known = this.#find(protocol, local, remote);
    if (known) return known;
    const segment = protocol === PROTOCOL.tcp ? decodeTcp(payload) : undefined;
    const isFirst = protocol === PROTOCOL.udp || (segment && isOnlySyn(segment));
    return isFirst ? this.#add(protocol, local, remote, this.#connecting) : undefined;
  }

  #find(protocol: number, local: number, remote: number): Connection | undefined {
    return this.#all.findLast(
      (one) => one.protocol === protocol && one.localPort === local && one.remotePort === remote,
    );
  }

  #add(protocol: number, local: number, remote: number, fd: number | undefined): Connection {
    const connection = new Connection(protocol, local, remote);
    connection.fd = fd;
    this.#all.push(connection);
    this.#current = connection;
    return connection;
  }
}

const SYN = 0x02;
const ACK = 0x10;
const isOnlySyn = ({ flags }: TcpSegment): boolean => (flags & (SYN | ACK)) === SYN;
