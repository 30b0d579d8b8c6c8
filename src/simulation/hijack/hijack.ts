/** LKL's hijack configuration, the object of its README, as a list of actions in the order LKL takes them. */

import { parseIpv4, parseIpv6, parseMac } from '../../abi/netlink/inet.ts';
import { isOfNetns } from '../../kernel/syscalls/sysctl.ts';
import type { Place } from '../plan/issue.ts';

/** One effect on the host. `interface` counts from 0, as in the object; the kernel calls it eth0. */
export type HijackAction =
  | { readonly action: 'mount'; readonly fstype: string; readonly directory: string; readonly mode: number }
  | { readonly action: 'up'; readonly interface: number }
  | { readonly action: 'mtu'; readonly interface: number; readonly mtu: number }
  | {
      readonly action: 'address';
      readonly interface: number;
      readonly address: Uint8Array;
      readonly prefixLength: number;
    }
  /** A table of its own for what this interface's address sends: rule, network, default route. */
  | {
      readonly action: 'source-route';
      readonly interface: number;
      readonly source: Uint8Array;
      readonly prefixLength: number;
      readonly gateway: Uint8Array;
    }
  | { readonly action: 'neighbour'; readonly interface: number; readonly address: Uint8Array; readonly mac: Uint8Array }
  | { readonly action: 'qdisc'; readonly interface: number; readonly kind: string }
  | { readonly action: 'gateway'; readonly gateway: Uint8Array }
  | { readonly action: 'sysctl'; readonly key: string; readonly value: string }
  | { readonly action: 'delay'; readonly us: number }
  | { readonly action: 'nameserver'; readonly address: string }
  /** At the end, before the interfaces go. */
  | { readonly action: 'dump'; readonly path: string };

/** A device as LKL would have made it. */
export interface HijackInterface {
  readonly type?: string;
  readonly param?: string;
  readonly mac?: Uint8Array;
  /** Bits of virtio-net features. */
  readonly offload: number;
}

/** What became of a key: it works, or why it has no meaning here, or what LKL does with it that its author may not have meant. */
export interface HijackNote {
  readonly key: string;
  readonly kind: 'works' | 'no-meaning' | 'warning';
  readonly message: string;
}

export interface Hijack {
  readonly interfaces: readonly HijackInterface[];
  /** The command line to boot with. */
  readonly bootCommandLine?: string;
  /** Bits of `debug`: the kernel's log is shown, and of 0x100 and 0x200 somebody waits for a key at the end. */
  readonly debug: number;
  readonly actions: readonly HijackAction[];
  readonly notes: readonly HijackNote[];
}

const topKeys = [
  'gateway',
  'gateway6',
  'nameserver',
  'debug',
  'mount',
  'singlecpu',
  'sysctl',
  'boot_cmdline',
  'dump',
  'delay_main',
] as const;
const interfaceKeys = [
  'type',
  'param',
  'mtu',
  'ip',
  'ipv6',
  'ifgateway',
  'ifgateway6',
  'mac',
  'masklen',
  'masklen6',
  'neigh',
  'qdisc',
  'offload',
] as const;
type TopKey = (typeof topKeys)[number];
type InterfaceKey = (typeof interfaceKeys)[number];

const interfaceTypes = ['tap', 'macvtap', 'dpdk', 'pipe', 'vde', 'raw'];
/** LKL_IF_MAX */
const mostInterfaces = 16;
/** LKL lays the sysctl list into a buffer of so many bytes, its NUL included. */
const sysctlBuffer = 256;
/** LKL gives new directories 0xff where it means 0777. */
const mountMode = 0xff;

/** What the object is of: a host among others in one kernel, a kernel of its own that a client calls, or one below a program. */
export type HijackSubject = 'host' | 'session' | 'program';

/** Read the object. What LKL would refuse is an issue; what it would get wrong is a note. */
export function planHijack(place: Place, value: unknown, subject: HijackSubject = 'host'): Hijack | undefined {
  if (!isObject(value)) return place.fail('hijack', 'object json type expected');
  const notes: HijackNote[] = [];
  const note = (kind: HijackNote['kind'], key: string, message: string): void =>
    void notes.push({ key, kind, message });
  const { interfaces: list, ...rest } = value;
  const top = strings<TopKey>(place, rest, topKeys, note);
  if (list !== undefined && !Array.isArray(list))
    return place.at('interfaces').fail('hijack', 'unexpected json type, json array expected');
  const entries: unknown[] = list ?? [];
  if (entries.length >= mostInterfaces)
    return place.at('interfaces').fail('hijack', `exceeded max number of interface (${mostInterfaces})`);
  const interfaces = entries.map((entry, i) => {
    const at = place.at('interfaces').at(i);
    if (isObject(entry)) return strings<InterfaceKey>(at, entry, interfaceKeys, note, `interfaces[${i}].`);
    at.fail('hijack', 'object json type expected');
    return {};
  });
  noteKeys(top, unable[subject], note);
  if (subject === 'host' && top.delay_main !== undefined && !/^\s*\+?\d/.test(top.delay_main))
    note('warning', 'delay_main', `${top.delay_main} is no time to wait: the workloads of this host begin at once`);
  return {
    interfaces: interfaces.map((spec, i) => planDevice(place.at('interfaces').at(i), spec, i, { note, subject })),
    ...(top.boot_cmdline !== undefined && { bootCommandLine: top.boot_cmdline }),
    debug: strtol(top.debug ?? ''),
    actions: [
      ...listOf(top.mount, ',').map(
        (fstype) => ({ action: 'mount', fstype, directory: `/${fstype}`, mode: mountMode }) as const,
      ),
      ...interfaces.flatMap((spec, i) => interfaceActions(spec, i, note)),
      ...gateways(top, note),
      ...sysctls(top.sysctl, note, subject),
      ...(top.delay_main === undefined ? [] : [{ action: 'delay', us: Math.max(0, atoi(top.delay_main)) } as const]),
      ...(top.nameserver === undefined ? [] : [{ action: 'nameserver', address: top.nameserver } as const]),
      ...listOf(top.dump, ',').map((path) => ({ action: 'dump', path }) as const),
    ],
    notes: [...worksFor(top, interfaces, subject), ...notes],
  };
}

/** What an object has under these keys. */
type Keys<K extends string> = Partial<Record<K, string>>;
type Note = (kind: HijackNote['kind'], key: string, message: string) => void;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** LKL copies each value's characters as they stand, whatever JSON type they are. */
function strings<K extends string>(
  place: Place,
  value: Record<string, unknown>,
  keys: readonly K[],
  note: Note,
  prefix = '',
): Partial<Record<K, string>> {
  const read: Partial<Record<K, string>> = {};
  for (const [key, item] of Object.entries(value)) {
    const known = keys.find((name) => name === key);
    if (known === undefined) place.at(key).fail('hijack', `unexpected key in json ${key}`);
    else if (typeof item === 'object' && item !== null) place.at(key).fail('hijack', 'string json type expected');
    else {
      if (typeof item !== 'string')
        note('warning', prefix + key, 'every value is a string; other JSON values are taken as their text');
      read[known] = String(item);
    }
  }
  return read;
}

/** atoi(3): leading digits, 0 without any. */
const atoi = (text: string): number => Number.parseInt(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? '0', 10);

/** strtol(3) with base 0. */
function strtol(text: string): number {
  const [, sign = '', hex, octal, decimal] = /^\s*([+-]?)(?:0x([0-9a-f]+)|(0[0-7]*)|(\d+))/i.exec(text) ?? [];
  const magnitude =
    hex !== undefined
      ? Number.parseInt(hex, 16)
      : octal !== undefined
        ? Number.parseInt(octal, 8)
        : Number(decimal ?? 0);
  return sign === '-' ? -magnitude : magnitude;
}

const listOf = (text: string | undefined, separator: string): string[] =>
  (text ?? '').split(separator).filter((item) => item !== '');

/** Why a key has no meaning here. */
const unable: Readonly<Record<HijackSubject, Readonly<Keys<TopKey>>>> = {
  host: {
    singlecpu: 'this kernel has one CPU',
    boot_cmdline: 'all hosts share one kernel that has booted already; what it sets per host has a key or a sysctl',
    debug: 'the hosts share one kernel log, and nothing waits for a key at the end',
  },
  session: {
    singlecpu: 'this kernel has one CPU',
    debug: 'the log is always kept, and nothing waits for a key at the end',
    delay_main: 'nothing begins before the client calls',
    dump: 'any file can be read at any time: GET …/files/{path}',
  },
  program: { singlecpu: 'this kernel has one CPU' },
};

function noteKeys(
  top: Keys<TopKey>,
  messages: Readonly<Keys<TopKey>>,
  note: Note,
  kind: HijackNote['kind'] = 'no-meaning',
): void {
  for (const key of topKeys) {
    const message = messages[key];
    if (top[key] !== undefined && message) note(kind, key, message);
  }
}

const works: Readonly<Record<HijackSubject, Readonly<Keys<TopKey>>>> = {
  host: {
    gateway: 'default route of IPv4',
    gateway6: 'default route of IPv6',
    nameserver: '/etc/resolv.conf of this host',
    mount: 'mounted for this host alone',
    sysctl: 'set for this host; what the kernel has once for all hosts is refused',
    dump: 'in the answer, under this host',
    delay_main: 'the workloads of this host begin so much later',
  },
  session: {
    gateway: 'default route of IPv4',
    gateway6: 'default route of IPv6',
    nameserver: '/etc/resolv.conf',
    mount: 'mounted',
    sysctl: 'set',
    boot_cmdline: 'the words that still mean something after boot',
  },
  program: {
    gateway: 'default route of IPv4',
    gateway6: 'default route of IPv6',
    nameserver: "/etc/resolv.conf, for the program's resolver too",
    debug: "the kernel's log is shown",
    mount: 'mounted, and seen by the program',
    sysctl: 'set',
    boot_cmdline: 'mem, and the words that still mean something after boot',
    dump: 'shown at the end',
    delay_main: 'the program begins so much later',
  },
};

function worksFor(top: Keys<TopKey>, { length }: readonly unknown[], subject: HijackSubject): HijackNote[] {
  const notes: HijackNote[] = [];
  noteKeys(top, works[subject], (kind, key, message) => void notes.push({ key, kind, message }), 'works');
  if (length > 0) {
    const message = `eth0 to eth${length - 1}: ${devices[subject]}, in order`;
    notes.push({ key: 'interfaces', kind: 'works', message });
  }
  return notes;
}

const devices: Readonly<Record<HijackSubject, string>> = {
  host: "the ends of this host's links",
  session: 'dummy devices, with nothing at their other ends',
  program: 'network cards, connected to what this machine has',
};

function planDevice(
  place: Place,
  spec: Keys<InterfaceKey>,
  index: number,
  { note, subject }: { readonly note: Note; readonly subject: HijackSubject },
): HijackInterface {
  const key = (name: InterfaceKey) => `interfaces[${index}].${name}`;
  const { type, param } = spec;
  const instead = { host: 'the end of a link', session: 'a dummy device', program: undefined }[subject];
  if (instead !== undefined && type !== undefined && !interfaceTypes.includes(type))
    place.at('type').fail('hijack', `${type} is none of ${interfaceTypes.join(', ')}`);
  if (instead !== undefined && type !== undefined)
    note('no-meaning', key('type'), `the interface is ${instead}, not a ${type} of the machine below`);
  if (instead !== undefined && param !== undefined)
    note('no-meaning', key('param'), 'names something of the machine below');
  const mac = spec.mac === undefined ? undefined : parseMac(spec.mac);
  if (spec.mac !== undefined && !mac)
    place.at('mac').fail('hijack', `${spec.mac} is no Ethernet address: LKL makes no interface then`);
  const wanted = spec.offload === undefined ? 0 : strtol(spec.offload);
  const isPlain = type === 'vde' || type === 'raw';
  if (wanted && isPlain) note('warning', key('offload'), `LKL takes no offload for ${type}: it is 0`);
  return {
    ...(type !== undefined && { type }),
    ...(param !== undefined && { param }),
    ...(mac && { mac }),
    offload: isPlain ? 0 : wanted,
  };
}

/** Up first, then mtu, addresses, neighbours and qdiscs: LKL's order. */
function interfaceActions(spec: Keys<InterfaceKey>, index: number, note: Note): HijackAction[] {
  const key = (name: InterfaceKey) => `interfaces[${index}].${name}`;
  const actions: HijackAction[] = [{ action: 'up', interface: index }];
  if (spec.mtu !== undefined) {
    actions.push({ action: 'mtu', interface: index, mtu: atoi(spec.mtu) });
    note('warning', key('mtu'), 'LKL sets it after the interface is up');
  }
  actions.push(
    ...addressActions(spec, index, note, {
      ip: 'ip',
      masklen: 'masklen',
      gateway: 'ifgateway',
      parse: parseIpv4,
      longest: 30,
    }),
  );
  actions.push(
    ...addressActions(spec, index, note, {
      ip: 'ipv6',
      masklen: 'masklen6',
      gateway: 'ifgateway6',
      parse: parseIpv6,
      longest: 127,
    }),
  );
  for (const item of listOf(spec.neigh, ';')) {
    const [address = '', mac = ''] = item.split('|');
    const parsed = { address: parseIpv4(address) ?? parseIpv6(address), mac: parseMac(mac) };
    if (!parsed.address || !parsed.mac) {
      note('warning', key('neigh'), `LKL stops at the first item it cannot read: ${item}`);
      break;
    }
    actions.push({ action: 'neighbour', interface: index, address: parsed.address, mac: parsed.mac });
  }
  for (const item of listOf(spec.qdisc, ';')) {
    const [parent, kind] = item.split('|');
    if (parent === 'root' && kind) actions.push({ action: 'qdisc', interface: index, kind });
    else {
      note('warning', key('qdisc'), `LKL stops at the first item it cannot read: ${item}`);
      break;
    }
  }
  return actions;
}

interface FamilyKeys {
  readonly ip: InterfaceKey;
  readonly masklen: InterfaceKey;
  readonly gateway: InterfaceKey;
  readonly parse: (text: string) => Uint8Array | undefined;
  readonly longest: number;
}

/** The gateway of an interface only counts where its address does, as LKL reads it inside the same condition. */
function addressActions(spec: Keys<InterfaceKey>, index: number, note: Note, keys: FamilyKeys): HijackAction[] {
  const key = (name: InterfaceKey) => `interfaces[${index}].${name}`;
  const [ip, masklen, via] = [spec[keys.ip], spec[keys.masklen], spec[keys.gateway]];
  if (ip === undefined || masklen === undefined) {
    const given = [ip && keys.ip, masklen && keys.masklen, via && keys.gateway].filter((name) => name !== undefined);
    for (const name of given)
      note('warning', key(name as InterfaceKey), `LKL needs ${keys.ip} and ${keys.masklen}: this has no effect`);
    return [];
  }
  const address = keys.parse(ip);
  const prefixLength = atoi(masklen);
  if (!address) {
    note('warning', key(keys.ip), `LKL cannot read ${ip}: the interface gets no such address`);
    return [];
  }
  const isLength = prefixLength > 0 && prefixLength <= keys.longest;
  if (!isLength)
    note('warning', key(keys.masklen), `LKL gives no address with the prefix length ${masklen}: 1 to ${keys.longest}`);
  const gateway = via === undefined ? undefined : keys.parse(via);
  if (via !== undefined && !gateway)
    note('warning', key(keys.gateway), `LKL cannot read ${via}: there is no such route`);
  if (gateway)
    note(
      'warning',
      key(keys.gateway),
      'LKL routes by it only what this interface\'s address sends (a rule and a table of its own): a default route is "gateway"',
    );
  return [
    ...(isLength ? [{ action: 'address', interface: index, address, prefixLength } as const] : []),
    ...(gateway ? [{ action: 'source-route', interface: index, source: address, prefixLength, gateway } as const] : []),
  ];
}

function gateways(top: Keys<TopKey>, note: Note): HijackAction[] {
  const families = [
    ['gateway', parseIpv4],
    ['gateway6', parseIpv6],
  ] as const;
  return families.flatMap(([key, parse]): HijackAction[] => {
    const text = top[key];
    if (text === undefined) return [];
    const gateway = parse(text);
    if (gateway) return [{ action: 'gateway', gateway }];
    note('warning', key, `LKL cannot read ${text}: there is no such route`);
    return [];
  });
}

function sysctls(text: string | undefined, note: Note, subject: HijackSubject): HijackAction[] {
  if (text === undefined) return [];
  const whole = new TextEncoder().encode(text);
  const kept = new TextDecoder().decode(whole.subarray(0, sysctlBuffer - 1));
  if (whole.length >= sysctlBuffer)
    note(
      'warning',
      'sysctl',
      `LKL keeps ${sysctlBuffer - 1} bytes of this list, so far as ${JSON.stringify(kept.slice(-20))}`,
    );
  note(
    'warning',
    'sysctl',
    'LKL sets these last: what the kernel reads when an interface comes up or gets its address has no effect',
  );
  return listOf(kept, ';').flatMap((item) => {
    const [word = '', value = '', ...lost] = item.split('=');
    const key = word.trim();
    if (lost.length)
      note('warning', 'sysctl', `LKL ends a value at the second "=": ${key} is ${JSON.stringify(value)}`);
    if (subject !== 'host' || isOfNetns(key)) return [{ action: 'sysctl', key, value } as const];
    note('warning', 'sysctl', `${key} is refused: all hosts share one kernel, and only what is in net is their own`);
    return [];
  });
}
