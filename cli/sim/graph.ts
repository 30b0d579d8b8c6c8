/** Graphs of others as networks: GML and GraphML, as topology collections and graph editors write them. */

import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { Failure, printable, reasonOf } from '../failure.ts';
import { textOf } from '../input/small-file.ts';

type Attributes = Readonly<Record<string, string>>;
export interface Graph {
  /** Each edge is one way. */
  readonly isDirected: boolean;
  readonly nodes: readonly { readonly id: string; readonly attributes: Attributes }[];
  readonly edges: readonly { readonly source: string; readonly target: string; readonly attributes: Attributes }[];
}
type Network = Readonly<Record<string, unknown>>;

/** The network with the nodes and links of the graph in a file; what it says itself of nodes of the same names counts. */
export async function withGraph(network: Network, file: string): Promise<Network> {
  const text = await textOf(file, 'graph');
  const graph = /^\s*</.test(text) ? parseGraphml(text, file) : parseGml(text, file);
  return joined(network, graph, file);
}

const roles = { host: 'hosts', router: 'routers', switch: 'switches' } as const;

/** Nodes are routers unless their `role` says otherwise; edges have our words (rate, delay, loss, mtu), or a speed in bits a second. */
function joined(network: Network, { isDirected, nodes, edges }: Graph, file: string): Network {
  if (nodes.length === 0) throw new Failure('usage', `${file} has no nodes: is it GML or GraphML?`);
  const names = new Map<string, string>();
  const groups: Record<string, Record<string, unknown>> = { hosts: {}, routers: {}, switches: {} };
  for (const { id, attributes } of nodes) {
    if (names.has(id)) throw new Failure('usage', `${file}: two nodes have the id ${id}`);
    const name = nameOf(attributes.label ?? id, new Set(names.values()));
    names.set(id, name);
    const role = attributes.role ?? 'router';
    if (role !== 'host' && role !== 'router' && role !== 'switch')
      throw new Failure('usage', `${file}: ${name} is a ${role}: host, router or switch`);
    const isGiven = Object.values(roles).some((key) => Object.hasOwn(Object(network[key]), name));
    if (!isGiven) Object.assign(groups[roles[role]] ?? {}, { [name]: {} });
  }
  const ways = edges.map(({ source, target, attributes }) => {
    const endpoints = [source, target].map((id) => {
      const name = names.get(id);
      if (name === undefined) throw new Failure('usage', `${file}: an edge ends at ${id}, which is no node`);
      return name;
    });
    return { endpoints, ...linkOf(attributes) };
  });
  const links = isDirected ? bothWays(ways) : ways;
  tellUnread(edges, file);
  const merged = (key: string) => ({ ...groups[key], ...Object(network[key]) });
  const own: readonly unknown[] = Array.isArray(network.links) ? network.links : [];
  return {
    ...network,
    hosts: merged('hosts'),
    routers: merged('routers'),
    switches: merged('switches'),
    links: [...own, ...links],
  };
}

/** Names have letters, digits, ".", "_" and "-"; each is there once. */
function nameOf(label: string, taken: ReadonlySet<string>): string {
  const plain =
    label
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+|-+$/g, '')
      .slice(0, 60) || 'node';
  for (let n = 1; ; n++) {
    const name = n === 1 ? plain : `${plain}-${n}`;
    if (!taken.has(name)) return name;
  }
}

interface Way {
  readonly endpoints: readonly string[];
  readonly mtu?: unknown;
}

/** Of one-way edges there and back one link, each way as its edge says; one that has none back is a link as it is. */
function bothWays(ways: readonly Way[]): readonly Way[] {
  const waiting = new Map<string, Way[]>();
  const links: (Way & { forward?: unknown; reverse?: unknown })[] = [];
  for (const way of ways) {
    const [from = '', to = ''] = way.endpoints;
    const there = waiting.get(JSON.stringify([to, from]))?.shift();
    if (there) {
      const { endpoints, mtu = way.mtu, ...forward } = there;
      const { endpoints: _, mtu: __, ...reverse } = way;
      links[links.indexOf(there)] = { endpoints, forward, reverse, ...(mtu !== undefined && { mtu }) };
    } else {
      const key = JSON.stringify([from, to]);
      waiting.set(key, [...(waiting.get(key) ?? []), way]);
      links.push(way);
    }
  }
  return links;
}

const words = ['rate', 'delay', 'loss', 'jitter', 'queue', 'burst'] as const;
/** Other words for the same: the Internet Topology Zoo's, and Shadow's, whose losses are fractions of one. */
const others = ['mtu', 'LinkSpeedRaw', 'bandwidth', 'latency', 'packet_loss'] as const;

function linkOf(attributes: Attributes): Readonly<Record<string, unknown>> {
  const link: Record<string, unknown> = {};
  for (const word of words) if (attributes[word] !== undefined) link[word] = attributes[word];
  const { mtu, latency, packet_loss: loss, LinkSpeedRaw, bandwidth: rate = LinkSpeedRaw } = attributes;
  if (mtu !== undefined) link.mtu = Number(mtu);
  // A number alone is bits a second.
  if (rate !== undefined) link.rate ??= Number(rate) > 0 ? `${Number(rate)}bit` : joinedUnit(rate);
  if (latency !== undefined) link.delay ??= joinedUnit(latency);
  if (loss !== undefined) link.loss ??= `${Number((Number(loss) * 100).toPrecision(12))}%`;
  return link;
}

/** "10 ms" is "10ms": graphs have blanks there. */
const joinedUnit = (text: string): string => text.replace(/^([\d.]+)\s+(?=[A-Za-z]+$)/, '$1');

/** What else edges say is told: who wrote it may have meant something by it. */
function tellUnread(edges: Graph['edges'], file: string): void {
  const known: readonly string[] = [...words, ...others, 'id', 'key'];
  const unread = new Set(
    edges.flatMap(({ attributes }) => Object.keys(attributes)).filter((one) => !known.includes(one)),
  );
  if (unread.size > 0)
    console.error(`lkl: ${printable(`${file}: not read of its edges: ${[...unread].sort().join(', ')}`)}`);
}

/** graph [ node [ id 0 label "a" ] edge [ source 0 target 1 ] ] */
function parseGml(text: string, file: string): Graph {
  const tokens = [...text.matchAll(/#[^\n]*|"((?:[^"]*))"|\[|\]|[^\s[\]"]+|"/g)].filter(
    ([whole]) => !whole.startsWith('#'),
  );
  if (tokens.some(([whole]) => whole === '"')) throw new Failure('usage', `${file} is no GML: a text has no end`);
  let at = 0;
  type Entry = readonly [key: string, value: string | readonly Entry[]];
  const list = (isInner: boolean): readonly Entry[] => {
    const entries: Entry[] = [];
    while (at < tokens.length) {
      const [key = ''] = tokens[at++] ?? [];
      if (key === ']') {
        if (isInner) return entries;
        break;
      }
      const next = tokens[at++];
      if (!next) break;
      const [whole, quoted] = next;
      entries.push([key, whole === '[' ? list(true) : unescaped(quoted ?? whole)]);
    }
    if (isInner) throw new Failure('usage', `${file} is no GML: a list has no end`);
    return entries;
  };
  const graph = list(false).find(([key]) => key === 'graph')?.[1];
  if (!Array.isArray(graph)) throw new Failure('usage', `${file} is neither GML nor GraphML: there is no graph in it`);
  const attributesOf = (value: Entry[1]): Record<string, string> =>
    Object.fromEntries(
      (Array.isArray(value) ? (value as readonly Entry[]) : []).flatMap(([key, one]) =>
        typeof one === 'string' ? [[key, one]] : [],
      ),
    );
  const all = (kind: string) =>
    (graph as readonly Entry[]).filter(([key]) => key === kind).map(([, value]) => attributesOf(value));
  return {
    isDirected: attributesOf(graph).directed === '1',
    nodes: all('node').map(({ id = '', ...attributes }) => ({ id, attributes })),
    edges: all('edge').map(({ source = '', target = '', ...attributes }) => ({ source, target, attributes })),
  };
}

/** <graphml><key id="d0" for="edge" attr.name="rate"/><graph><node id="a"><data key="d0">…</data></node><edge source="a" target="b"/></graph></graphml> */
function parseGraphml(text: string, file: string): Graph {
  const root = rootOf(text, file);
  const keys = new Map(
    elementsOf(root, 'key').map(({ attributes: { id = '', 'attr.name': name = id } }) => [id, name]),
  );
  const graphs = elementsOf(root, 'graph');
  const attributesOf = (element: XmlElement): Attributes =>
    Object.fromEntries(
      elementsOf(element, 'data').map((one) => {
        const { key = '' } = one.attributes;
        return [keys.get(key) ?? key, one.text.trim()];
      }),
    );
  const all = (kind: string) => graphs.flatMap((graph) => elementsOf(graph, kind));
  return {
    isDirected: graphs.some(({ attributes }) => attributes.edgedefault === 'directed'),
    nodes: all('node').map((node) => ({ id: node.attributes.id ?? '', attributes: attributesOf(node) })),
    edges: all('edge').map((edge) => {
      const { source = '', target = '' } = edge.attributes;
      return { source, target, attributes: attributesOf(edge) };
    }),
  };
}

function rootOf(text: string, file: string): XmlElement {
  try {
    const { root } = parseXml(text);
    if (root && bareName(root) === 'graphml') return root;
  } catch (cause) {
    throw new Failure('usage', `${file} is no XML: ${reasonOf(cause)}`);
  }
  throw new Failure('usage', `${file} is XML, but no GraphML`);
}

/** Without the prefix of a namespace. */
const bareName = ({ name }: XmlElement): string => name.replace(/^.*:/, '');
const elementsOf = (parent: XmlElement, name: string): XmlElement[] =>
  parent.children.filter((child): child is XmlElement => child instanceof XmlElement && bareName(child) === name);

/** GML's texts have the entities of HTML: numbers, and the few that every XML has. */
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d+)|(\w+));/g, (whole, number, name) => {
    const code = Number(number);
    if (code > 0 && code <= 0x10ffff) return String.fromCodePoint(code);
    return entities[name ?? ''] ?? whole;
  });
