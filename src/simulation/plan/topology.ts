/** Nodes, links and interfaces of the request, named and checked; broadcast domains follow from how they are joined. */

import { parseMac } from '../../abi/netlink/inet.ts';
import { isOfNetns, notOfNetns } from '../../kernel/syscalls/sysctl.ts';
import { checkCommon } from '../links/common-sysctls.ts';
import type { Place } from './issue.ts';
import type { HostSpec, InterfaceSpec, LinkSpec, SimulationRequest, SwitchSpec } from './request.ts';
import { type InterfaceAddress, parsePrefix } from './routes/prefix.ts';

export type Role = 'host' | 'router' | 'switch';

export interface Node {
  readonly name: string;
  readonly role: Role;
  readonly place: Place;
  readonly spec: HostSpec & SwitchSpec;
  /** Devices that links end in, in order of the links. */
  readonly ports: Port[];
}

/** The device a link ends in. */
export interface Port {
  readonly node: Node;
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** What the request gives it by: the interface's, or the link's for both ends. */
  readonly mtuPlace: Place;
  readonly spec: InterfaceSpec;
  readonly place: Place;
  /** Interfaces with addresses: the port itself, or one a VLAN of a trunk; none on a switch. */
  readonly interfaces: Interface[];
}

/** Something that has addresses. */
export interface Interface {
  readonly port: Port;
  readonly name: string;
  readonly vlan?: number;
  readonly spec: InterfaceSpec;
  readonly place: Place;
  /** Addresses the request gives; undefined: choose. */
  readonly given?: readonly InterfaceAddress[];
}

/** Where its address of this number comes from: the given ones are the first. */
export const addressPlace = ({ place, given }: Interface, n: number): Place =>
  given && n < given.length ? place.at('addresses').at(n) : place;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly spec: LinkSpec;
  readonly place: Place;
  readonly ports: readonly [Port, Port];
}

/** Interfaces that hear each other's broadcasts. */
export interface Segment {
  readonly links: Link[];
  readonly interfaces: Interface[];
}

export interface Topology {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly links: readonly Link[];
  readonly segments: readonly Segment[];
}

const namePattern = /^[A-Za-z0-9][\w.-]{0,62}$/;
const interfacePattern = /^[A-Za-z0-9][\w.-]{0,14}$/;
const defaultMtu = 1500;

/** `placeOf` a link is where the request asks for it. */
export function planTopology(
  place: Place,
  request: SimulationRequest,
  placeOf: (index: number) => Place = (index) => place.at('links').at(index),
): Topology {
  const nodes = planNodes(place, request);
  const links = request.links.flatMap((spec, index) => planLink(placeOf(index), index, spec, nodes) ?? []);
  for (const node of nodes.values()) checkInterfaces(node);
  checkNames(links);
  return { nodes, links, segments: findSegments(links) };
}

function planNodes(place: Place, request: SimulationRequest): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const groups = [
    ['hosts', 'host', request.hosts],
    ['routers', 'router', request.routers ?? {}],
    ['switches', 'switch', request.switches ?? {}],
  ] as const;
  for (const [key, role, specs] of groups) {
    for (const [name, spec] of Object.entries(specs)) {
      const at = place.at(key).at(name);
      if (!namePattern.test(name))
        at.fail('bad-name', `${JSON.stringify(name)} is no name: letters, digits, ".", "_" and "-"`);
      if (nodes.has(name)) at.fail('duplicate', `another node is called ${name}`);
      for (const sysctl of Object.keys(spec.sysctls ?? {}))
        if (!isOfNetns(sysctl)) at.at('sysctls').at(sysctl).fail('bad-option', notOfNetns(sysctl));
      nodes.set(name, { name, role, place: at, spec, ports: [] });
    }
  }
  checkCommon(nodes.values());
  return nodes;
}

/** The link with each of its VLANs once. */
function readVlans(place: Place, { vlans, ...spec }: LinkSpec): LinkSpec {
  if (vlans === undefined) return spec;
  if (vlans.length === 0) place.fail('bad-option', 'a port that carries VLANs carries one at least');
  for (const [i, vlan] of vlans.entries())
    if (vlans.indexOf(vlan) < i) place.at(i).fail('duplicate', `the port carries VLAN ${vlan} already`);
  return vlans.length ? { ...spec, vlans: [...new Set(vlans)] } : spec;
}

function planLink(place: Place, index: number, given: LinkSpec, nodes: ReadonlyMap<string, Node>): Link | undefined {
  const spec = readVlans(place.at('vlans'), given);
  const vlans = [...(spec.vlans ?? []), ...(spec.vlan === undefined ? [] : [spec.vlan])];
  for (const vlan of vlans)
    if (!Number.isInteger(vlan) || vlan < 1 || vlan > 4094) place.fail('bad-option', `${vlan} is no VLAN: 1 to 4094`);
  if (spec.vlan !== undefined && spec.vlans)
    place.fail('bad-option', 'a port is in one VLAN or carries several: vlan or vlans');
  const ports = ([0, 1] as const).map((end) => planPort(place, index, end, spec, nodes));
  const [a, b] = ports;
  if (!a || !b) return undefined;
  if (a.node === b.node) place.at('endpoints').fail('bad-option', `both ends are ${a.node.name}`);
  if (vlans.length && a.node.role !== 'switch' && b.node.role !== 'switch' && spec.vlan !== undefined)
    place.at('vlan').fail('bad-option', 'an untagged VLAN belongs to the port of a switch, and neither end is one');
  return { index, name: spec.name ?? `${a.node.name}-${b.node.name}`, spec, place, ports: [a, b] };
}

function planPort(
  linkPlace: Place,
  link: number,
  end: 0 | 1,
  spec: LinkSpec,
  nodes: ReadonlyMap<string, Node>,
): Port | undefined {
  const place = linkPlace.at('endpoints').at(end);
  const [name = '', given] = (spec.endpoints[end] ?? '').split(':');
  const node = nodes.get(name);
  if (!node) return place.fail('unknown-node', `there is no node ${JSON.stringify(name)}`);
  const device = given ?? freeName(node);
  if (!interfacePattern.test(device) || device === 'lo')
    place.fail('bad-name', `${JSON.stringify(device)} is no interface name`);
  if (node.ports.some((port) => port.name === device))
    place.fail('duplicate', `${node.name} has a link at ${device} already`);
  const interfaceSpec = node.spec.interfaces?.[device] ?? {};
  // LKL's object has a list of interfaces, in the order of the links.
  const at =
    node.spec.hijack === undefined
      ? node.place.at('interfaces').at(device)
      : node.place.at('hijack').at('interfaces').at(node.ports.length);
  const wantedMtu = interfaceSpec.mtu ?? spec.mtu ?? defaultMtu;
  const mtuPlace = (interfaceSpec.mtu === undefined ? linkPlace : at).at('mtu');
  const isMtu = Number.isInteger(wantedMtu) && wantedMtu >= 68 && wantedMtu <= 65535;
  const mtu = isMtu ? wantedMtu : (mtuPlace.fail('bad-option', `${wantedMtu} is no MTU: 68 to 65535`) ?? defaultMtu);
  const mac = interfaceSpec.mac === undefined ? defaultMac(link, end) : parseMac(interfaceSpec.mac);
  if (!mac || (mac[0] ?? 0) & 1)
    at.at('mac').fail('bad-address', `${interfaceSpec.mac} is no Ethernet address of a device`);
  const port: Port = {
    node,
    name: device,
    mac: mac ?? defaultMac(link, end),
    mtu,
    mtuPlace,
    spec: interfaceSpec,
    place: at,
    interfaces: [],
  };
  port.interfaces.push(...planInterfaces(port, spec.vlans));
  node.ports.push(port);
  return port;
}

function freeName(node: Node): string {
  const prefix = node.role === 'switch' ? 'swp' : 'eth';
  const taken = new Set(node.ports.map(({ name }) => name));
  for (let i = 0; ; i++) if (!taken.has(`${prefix}${i}`)) return `${prefix}${i}`;
}

/** Locally administered, and readable: 02:00:00 and the number of the link's end. */
function defaultMac(link: number, end: 0 | 1): Uint8Array {
  const number = 2 * link + end + 1;
  return Uint8Array.of(2, 0, 0, number >> 16, (number >> 8) & 0xff, number & 0xff);
}

function planInterfaces(port: Port, vlans: readonly number[] | undefined): Interface[] {
  if (port.node.role === 'switch') return [];
  if (!vlans) return [planInterface(port, port.name, port.spec, port.place)];
  return vlans.map((vlan) => {
    const name = `${port.name}.${vlan}`;
    return {
      ...planInterface(port, name, port.node.spec.interfaces?.[name] ?? {}, port.node.place.at('interfaces').at(name)),
      vlan,
    };
  });
}

function planInterface(port: Port, name: string, spec: InterfaceSpec, place: Place): Interface {
  const given = spec.addresses?.flatMap((text, i) => {
    const address = text.includes('/') ? parsePrefix(text) : undefined;
    if (address) return [address];
    place
      .at('addresses')
      .at(i)
      .fail('bad-address', `${JSON.stringify(text)} is no address with a prefix length, such as "10.0.0.1/24"`);
    return [];
  });
  return { port, name, spec, place, ...(given && { given }) };
}

function checkInterfaces(node: Node): void {
  const named = node.ports.flatMap((port) => [port.name, ...port.interfaces.map(({ name }) => name)]);
  const known = [...new Set(named)];
  for (const name of Object.keys(node.spec.interfaces ?? {})) {
    if (!known.includes(name))
      node.place
        .at('interfaces')
        .at(name)
        .fail('unknown-interface', `${node.name} has ${known.join(', ') || 'no interface'}: no link ends at ${name}`);
  }
}

function checkNames(links: readonly Link[]): void {
  const seen = new Set<string>();
  for (const { name, place, spec } of links) {
    if (spec.name !== undefined && seen.has(name)) place.at('name').fail('duplicate', `another link is called ${name}`);
    seen.add(name);
  }
}

/** A switch looks at VLANs once one of its links speaks of them. */
export function isVlanAware(node: Node, links: readonly Link[]): boolean {
  return (
    node.role === 'switch' &&
    links.some(
      ({ ports, spec }) =>
        ports.some((port) => port.node === node) && (spec.vlan !== undefined || spec.vlans !== undefined),
    )
  );
}

/** The domains that one end of a link is in: itself for a host, a VLAN of the switch else. */
function domainsOf(link: Link, end: 0 | 1, links: readonly Link[]): ReadonlyMap<number, string> {
  const { node } = link.ports[end];
  const vlans = link.spec.vlans ?? [link.spec.vlan ?? 0];
  if (node.role !== 'switch') return new Map(vlans.map((vlan) => [vlan, `link ${link.index} ${vlan}`]));
  const untagged = isVlanAware(node, links) ? 1 : 0;
  return new Map(vlans.map((vlan) => [vlan, `switch ${node.name} ${vlan || untagged}`]));
}

function findSegments(links: readonly Link[]): Segment[] {
  const parent = new Map<string, string>();
  const find = (domain: string): string => {
    const up = parent.get(domain);
    return up === undefined || up === domain ? domain : find(up);
  };
  for (const link of links) {
    const [first, second] = [domainsOf(link, 0, links), domainsOf(link, 1, links)];
    for (const [vlan, domain] of first) joinDomains(link, find(domain), find(second.get(vlan) ?? domain), parent);
  }
  const segments = new Map<string, Segment>();
  for (const link of links) {
    for (const end of [0, 1] as const) {
      const port = link.ports[end];
      for (const [vlan, domain] of domainsOf(link, end, links)) {
        const root = find(domain);
        const segment = segments.get(root) ?? { links: [], interfaces: [] };
        segments.set(root, segment);
        if (!segment.links.includes(link)) segment.links.push(link);
        segment.interfaces.push(...port.interfaces.filter((i) => (i.vlan ?? link.spec.vlan ?? 0) === vlan));
      }
    }
  }
  return [...segments.values()];
}

/** Two switches joined twice pass a broadcast round for ever, unless they speak the spanning tree protocol. */
function joinDomains(link: Link, a: string, b: string, parent: Map<string, string>): void {
  const isLoop = a === b && link.ports.every(({ node }) => node.role === 'switch');
  if (isLoop && !link.ports.every(({ node }) => node.spec.stp))
    link.place.fail('switch-loop', `this link closes a loop of switches: "stp": true on all of them, or leave it out`);
  parent.set(a, b);
  parent.set(b, b);
}
