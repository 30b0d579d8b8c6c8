/** Devices that a host makes itself, in the words of ip-link(8): tunnels, bonds, VRFs, bridges and what stands on other devices. */

interface Common {
  /** "192.168.9.1/24" */
  readonly addresses?: readonly string[];
  readonly mtu?: number;
  readonly mac?: string;
}
/** Ends of a tunnel: addresses, or the name of the node at the other end. */
interface TunnelEnds {
  readonly remote: string;
  readonly local?: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly dev?: string;
}
export interface VxlanSpec extends Common, TunnelEnds {
  readonly kind: 'vxlan';
  readonly id: number;
  readonly port?: number;
  readonly learning?: boolean;
}
export interface GeneveSpec extends Common, Omit<TunnelEnds, 'local' | 'dev'> {
  readonly kind: 'geneve';
  readonly id: number;
  readonly port?: number;
}
/** IPv4 or IPv6 outside, as the ends are. */
export interface GreSpec extends Common, TunnelEnds {
  readonly kind: 'gre' | 'gretap';
  readonly key?: number;
}
export interface IpTunnelSpec extends Common, TunnelEnds {
  readonly kind: 'ipip' | 'sit' | 'ip6tnl';
}
export interface WireguardPeerSpec {
  /** The node that has the other device, and that device; its key and address follow. */
  readonly node?: string;
  readonly dev?: string;
  /** Or its key as wg(8) prints it. */
  readonly publicKey?: string;
  readonly presharedKey?: string;
  /** "10.0.0.2:51820"; "none": it must speak first. */
  readonly endpoint?: string;
  readonly allowed: readonly string[];
  /** "25s" */
  readonly keepalive?: string;
}
export interface WireguardSpec extends Common {
  readonly kind: 'wireguard';
  readonly port?: number;
  /** Chosen when left out. */
  readonly privateKey?: string;
  readonly peers: readonly WireguardPeerSpec[];
}
export interface BondSpec extends Common {
  readonly kind: 'bond';
  readonly mode?:
    | 'balance-rr'
    | 'active-backup'
    | 'balance-xor'
    | 'broadcast'
    | '802.3ad'
    | 'balance-tlb'
    | 'balance-alb';
  readonly miimon?: string;
  readonly hash?: 'layer2' | 'layer3+4' | 'layer2+3' | 'encap2+3' | 'encap3+4' | 'vlan+srcmac';
  readonly members: readonly string[];
}
export interface VrfSpec extends Common {
  readonly kind: 'vrf';
  readonly table: number;
  readonly members: readonly string[];
}
export interface BridgeSpec extends Common {
  readonly kind: 'bridge';
  readonly stp?: boolean;
  readonly snooping?: boolean;
  readonly members: readonly string[];
}
export interface MacsecSpec extends Common {
  readonly kind: 'macsec';
  readonly dev: string;
  /** 16 bytes in hex, the same at both ends; chosen when left out. */
  readonly key?: string;
  readonly encrypt?: boolean;
  /** Nodes on the same network whose MACsec it hears. */
  readonly peers: readonly string[];
}
export interface MacvlanSpec extends Common {
  readonly kind: 'macvlan';
  readonly dev: string;
  readonly mode?: 'private' | 'vepa' | 'bridge' | 'passthru';
}
export interface IpvlanSpec extends Common {
  readonly kind: 'ipvlan';
  readonly dev: string;
  readonly mode?: 'l2' | 'l3' | 'l3s';
}
export interface VlanSpec extends Common {
  readonly kind: 'vlan';
  readonly dev: string;
  readonly id: number;
}
export interface DummySpec extends Common {
  readonly kind: 'dummy';
}

export type DeviceSpec =
  | VxlanSpec
  | GeneveSpec
  | GreSpec
  | IpTunnelSpec
  | WireguardSpec
  | BondSpec
  | VrfSpec
  | BridgeSpec
  | MacsecSpec
  | MacvlanSpec
  | IpvlanSpec
  | VlanSpec
  | DummySpec;
