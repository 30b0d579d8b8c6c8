/** The words of ip and tc that scripts have, as netlink messages: links, addresses, routes, metrics and queues. */

import { deleteAddress, deleteRoute, familyOf, newAddress, newRoute } from '../../abi/netlink/address.ts';
import { encode, s32 } from '../../abi/netlink/codecs.ts';
import { NLM_F, RTM, TC_H, TCA } from '../../abi/netlink/constants.ts';
import { parseIp } from '../../abi/netlink/inet.ts';
import { getLink, parseLink, setLink } from '../../abi/netlink/links/link.ts';
import { type NetlinkRequest, parseAttributes, type raw, request, string } from '../../abi/netlink/message.ts';
import type { QdiscOptions } from '../../abi/netlink/tc/qdisc-options.ts';
import { changeQdisc, newPlainQdisc, newQdisc, replaceQdisc } from '../../abi/netlink/tc/tc.ts';
import { Struct, u8, u16, u32 } from '../../abi/struct.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { ScriptError } from '../language/script-error.ts';

const unknown = (words: readonly string[]) => new ScriptError(`this is not supported: ${words.join(' ')}`);

/** Answers whether the kernel took it. */
export async function network(task: UserTask, words: readonly string[]): Promise<boolean> {
  const netlink = await NetlinkSocket.open(task, words[1] === 'tcp_metrics' ? NETLINK_GENERIC : undefined);
  try {
    const requests = await requestsOf(netlink, words);
    await netlink.send(requests);
    return true;
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    return false;
  } finally {
    await task.syscall('close', netlink.fd);
  }
}

const NETLINK_GENERIC = 16;

async function requestsOf(netlink: NetlinkSocket, words: readonly string[]): Promise<NetlinkRequest[]> {
  const [program, ...all] = words;
  const rest = all.filter((word) => !/^-(?:4|6|s|q|force|o)$/.test(word));
  const [what = '', verb = '', ...more] = rest;
  const device = (name: string) => indexOf(netlink, name);
  if (program === 'tc') {
    if (what !== 'qdisc') throw unknown(words);
    return queue(verb, more, words, device);
  }
  if (what === 'tcp_metrics' && (verb === 'flush' || verb === 'delete')) return flushMetrics(netlink);
  if (what === 'link' && verb === 'set') return link(more, words, device);
  if (/^a(?:ddr|ddress)?$/.test(what)) return address(verb, more, words, device);
  if (/^r(?:oute)?$/.test(what)) return route(verb, more, words, device);
  throw unknown(words);
}

async function indexOf(netlink: NetlinkSocket, name: string): Promise<number> {
  const [found] = await netlink.ask(getLink({ name }));
  return found ? parseLink(found.payload).index : 0;
}

type Device = (name: string) => Promise<number>;

/** "dev tun0 mtu 1400 up" */
async function link(more: readonly string[], words: readonly string[], device: Device): Promise<NetlinkRequest[]> {
  const named = more[0] === 'dev' ? more.slice(1) : more;
  const [name = '', ...rest] = named;
  const attributes: { mtu?: number; up?: boolean; txQueueLength?: number; gsoMaxSize?: number; gsoMaxSegs?: number } =
    {};
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i];
    if (word === 'up' || word === 'down') attributes.up = word === 'up';
    else if (word === 'mtu') attributes.mtu = number(rest[++i]);
    else if (word === 'txqueuelen' || word === 'qlen') attributes.txQueueLength = number(rest[++i]);
    else if (word === 'gso_max_size') attributes.gsoMaxSize = number(rest[++i]);
    else if (word === 'gso_max_segs') attributes.gsoMaxSegs = number(rest[++i]);
    else throw unknown(words);
  }
  return [setLink(await device(name), attributes)];
}

const number = (text: string | undefined): number => {
  if (text === undefined || !/^\d+$/.test(text))
    throw new ScriptError(`a number was expected, not ${text ?? 'nothing'}`);
  return Number(text);
};

function prefix(text: string): { readonly address: Uint8Array; readonly prefixLength: number } {
  const [ip = '', length] = text.split('/');
  const address = parseIp(ip);
  if (!address) throw new ScriptError(`${text} is no address`);
  return { address, prefixLength: length === undefined ? 8 * address.length : number(length) };
}

async function address(
  verb: string,
  [text = '', dev, name = '']: readonly string[],
  words: readonly string[],
  device: Device,
): Promise<NetlinkRequest[]> {
  if (dev !== 'dev' || !['add', 'del', 'replace', 'change'].includes(verb)) throw unknown(words);
  const { address: ip, prefixLength } = prefix(text);
  const index = await device(name);
  return [verb === 'del' ? deleteAddress(index, ip, prefixLength) : newAddress(index, ip, prefixLength)];
}

async function route(
  verb: string,
  more: readonly string[],
  words: readonly string[],
  device: Device,
): Promise<NetlinkRequest[]> {
  const [to = '', ...rest] = more;
  const destination = to === 'default' ? undefined : prefix(to);
  const spec: {
    device?: number;
    gateway?: Uint8Array;
    metric?: number;
    mtu?: number;
    initcwnd?: number;
    table?: number;
  } = {};
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i];
    if (word === 'dev') spec.device = await device(rest[++i] ?? '');
    else if (word === 'via') spec.gateway = prefix(rest[++i] ?? '').address;
    else if (word === 'metric' || word === 'mtu' || word === 'initcwnd' || word === 'table') {
      if (rest[i + 1] === 'lock') i++;
      spec[word] = number(rest[++i]);
    } else throw unknown(words);
  }
  const family = familyOf(destination?.address ?? spec.gateway ?? new Uint8Array(4));
  const whole = { family, ...(destination && { destination }), ...spec };
  if (verb === 'del') return [deleteRoute(whole)];
  if (['add', 'replace', 'change'].includes(verb)) return [newRoute(whole)];
  throw unknown(words);
}

const tcmsg = Struct({ family: u8, pad1: u8, pad2: u16, index: s32, handle: u32, parent: u32, info: u32 });

/** "add dev tun0 root pfifo limit 10" */
async function queue(
  verb: string,
  more: readonly string[],
  words: readonly string[],
  device: Device,
): Promise<NetlinkRequest[]> {
  const [dev, name = '', root, ...rest] = more;
  if (dev !== 'dev' || root !== 'root') throw unknown(words);
  const place = { index: await device(name), parent: TC_H.ROOT };
  if (rest[0] === 'handle') rest.splice(0, 2);
  const [kind = '', ...options] = rest;
  if (verb === 'del') return [request(RTM.DELQDISC, 0, encode(tcmsg, place), kind ? [string(TCA.KIND, kind)] : [])];
  const chosen = options.length > 0 ? optionsOf(kind, options, words) : undefined;
  switch (verb) {
    case 'add':
      return [chosen ? newQdisc(place, chosen) : newPlainQdisc(place, kind)];
    case 'replace': {
      const plain = newPlainQdisc(place, kind);
      return [chosen ? replaceQdisc(place, chosen) : { ...plain, flags: (plain.flags & ~NLM_F.EXCL) | NLM_F.REPLACE }];
    }
    case 'change':
      if (chosen) return [changeQdisc(place, chosen)];
  }
  throw unknown(words);
}

/** Rates of tc are in bits a second, with a suffix. */
function bytesPerSecond(text: string): number {
  const found = /^(\d+(?:\.\d+)?)([kmg]?)(bit|bps)?$/i.exec(text);
  if (!found) throw new ScriptError(`${text} is no rate`);
  const scale = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[(found[2] ?? '').toLowerCase()] ?? 1;
  return Math.round((Number(found[1]) * scale) / (found[3] === 'bps' ? 1 : 8));
}

function optionsOf(kind: string, options: readonly string[], words: readonly string[]): QdiscOptions {
  const found: Record<string, number> = {};
  for (let i = 0; i < options.length; i++) {
    const word = options[i] ?? '';
    if (word === 'pacing' || word === 'nopacing') found.pacing = Number(word === 'pacing');
    else if (word === 'limit' || word === 'quantum') found[word] = number(options[++i]);
    else if (word === 'flow_limit') found.flowLimit = number(options[++i]);
    else if (word === 'initial_quantum') found.initialQuantum = number(options[++i]);
    else if (word === 'maxrate') found.maxRate = bytesPerSecond(options[++i] ?? '');
    else throw unknown(words);
  }
  if (!['pfifo', 'bfifo', 'fq'].includes(kind)) throw unknown(words);
  return { kind, ...found } as QdiscOptions;
}

/** Generic netlink: what the kernel remembers of peers, all of it. */
async function flushMetrics(netlink: NetlinkSocket): Promise<NetlinkRequest[]> {
  const GENL_ID_CTRL = 16;
  const CTRL_CMD_GETFAMILY = 3;
  const CTRL_ATTR_FAMILY_ID = 1;
  const CTRL_ATTR_FAMILY_NAME = 2;
  const TCP_METRICS_CMD_DEL = 2;
  const header = (cmd: number) => Uint8Array.of(cmd, 1, 0, 0);
  const [family] = await netlink.ask(
    request(GENL_ID_CTRL, 0, header(CTRL_CMD_GETFAMILY), [string(CTRL_ATTR_FAMILY_NAME, 'tcp_metrics')]),
  );
  const id = family && parseAttributes(family.payload.subarray(4)).get(CTRL_ATTR_FAMILY_ID);
  if (!id) throw new ScriptError('the kernel keeps no metrics of TCP');
  const type = (id[0] ?? 0) | ((id[1] ?? 0) << 8);
  return [request(type, 0, header(TCP_METRICS_CMD_DEL), [] as ReturnType<typeof raw>[])];
}
