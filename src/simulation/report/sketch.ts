/** The network as a drawing: nodes in columns by their distance from the first host, links between them; many alike hosts are one box. */

import { html } from 'hono/html';
import { milliseconds, rate } from './numbers.ts';

export interface SketchedLink {
  readonly name: string;
  /** "a:eth0" */
  readonly endpoints: readonly string[];
  readonly forward: { readonly rate_bps?: number; readonly delay_ms: number };
}

/** A flow between nodes, or what runs on one of them. */
export type SketchedFlow =
  | { readonly type: string; readonly from: string; readonly to: string }
  | { readonly type: string; readonly on: string };

/** More than these are a cloud. */
const MOST_NODES = 60;
const COLUMN = 220;
const ROW = 46;
const BOX = { width: 96, height: 26 } as const;

export function sketch(
  allNames: readonly string[],
  allLinks: readonly SketchedLink[],
  flows: readonly SketchedFlow[] = [],
) {
  const { names, links, titles } = grouped(allNames, allLinks, rolesOf(flows));
  if (names.length > MOST_NODES) return html`<p class="note">${names.length} nodes are too many to draw.</p>`;
  const at = place(names, links);
  const ends = links.flatMap((link) => {
    const [a, b] = link.endpoints.map((end) => at.get(nodeOf(end)));
    return a && b ? [{ link, a, b }] : [];
  });
  const width = Math.max(...[...at.values()].map(({ x }) => x)) + BOX.width / 2 + 16;
  const height = Math.max(...[...at.values()].map(({ y }) => y)) + BOX.height / 2 + 16;
  const isCrowded = links.length > 16;
  return html`<div class="wide"><svg class="sketch" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="The network">
${ends.map(
  ({ link, a, b }) => html`<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}"><title>${wordsOf(link)}</title></line>
${!isCrowded && html`<text class="label" x="${(a.x + b.x) / 2}" y="${(a.y + b.y) / 2 - 5}">${shortWordsOf(link)}</text>`}`,
)}
${[...at].map(
  ([name, { x, y }]) =>
    html`<rect x="${x - BOX.width / 2}" y="${y - BOX.height / 2}" width="${BOX.width}" height="${BOX.height}" rx="5"></rect><text x="${x}" y="${y + 4}">${name.length > 13 ? `${name.slice(0, 12)}…` : name}<title>${titles.get(name) ?? name}</title></text>\n`,
)}</svg></div>`;
}

const shortWordsOf = ({ forward: { rate_bps, delay_ms } }: SketchedLink): string =>
  [rate(rate_bps), delay_ms > 0 ? milliseconds(delay_ms) : ''].filter(Boolean).join(' · ');
const wordsOf = (link: SketchedLink): string => [link.name, shortWordsOf(link)].filter(Boolean).join(': ');

/** Fewer than these are drawn each for itself. */
const LEAST_ALIKE = 5;

interface Drawn {
  readonly names: readonly string[];
  readonly links: readonly SketchedLink[];
  /** All names that a box stands for. */
  readonly titles: ReadonlyMap<string, string>;
}

/** What each node does in the flows: of which type, which end of it, with one other or with several. */
function rolesOf(flows: readonly SketchedFlow[]): ReadonlyMap<string, string> {
  const peers = new Map<string, Map<string, Set<string>>>();
  const add = (node: string, part: string, peer: string) => {
    const parts = peers.get(node) ?? new Map<string, Set<string>>();
    peers.set(node, parts.set(part, (parts.get(part) ?? new Set()).add(peer)));
  };
  for (const flow of flows)
    if ('on' in flow) add(flow.on, flow.type, '');
    else {
      add(flow.from, `${flow.type} from`, flow.to);
      add(flow.to, `${flow.type} to`, flow.from);
    }
  const inWords = (parts: ReadonlyMap<string, ReadonlySet<string>>) =>
    [...parts].map(([part, others]) => `${part} ${others.size > 1 ? 'several' : 'one'}`).sort();
  return new Map([...peers].map(([node, parts]) => [node, inWords(parts).join(', ')]));
}

/**
 * Hosts that hang on one node by alike links, and on nothing else, become one box: "24 × h1". They must do the same in the
 * flows, too: the server of all the others is what a reader looks for.
 */
function grouped(names: readonly string[], links: readonly SketchedLink[], roles: ReadonlyMap<string, string>): Drawn {
  const degrees = new Map<string, number>();
  for (const { endpoints } of links)
    for (const end of endpoints) degrees.set(nodeOf(end), (degrees.get(nodeOf(end)) ?? 0) + 1);
  const alike = Map.groupBy(links, (link) => {
    const leaves = link.endpoints.map(nodeOf).filter((name) => degrees.get(name) === 1);
    if (leaves.length !== 1) return undefined;
    const [hub] = link.endpoints.map(nodeOf).filter((name) => name !== leaves[0]);
    return JSON.stringify([hub, shortWordsOf(link), roles.get(leaves[0] ?? '') ?? '']);
  });
  const boxOf = new Map<string, string>();
  const titles = new Map<string, string>();
  const left = new Set<SketchedLink>();
  for (const [key, group] of alike) {
    if (key === undefined || group.length < LEAST_ALIKE) continue;
    const leaves = group.flatMap(({ endpoints }) => endpoints.map(nodeOf).filter((name) => degrees.get(name) === 1));
    const box = `${leaves.length} × ${leaves[0]}`;
    for (const leaf of leaves) boxOf.set(leaf, box);
    titles.set(box, leaves.join(', '));
    for (const link of group.slice(1)) left.add(link);
  }
  return {
    names: [...new Set(names.map((name) => boxOf.get(name) ?? name))],
    links: links
      .filter((link) => !left.has(link))
      .map((link) => ({ ...link, endpoints: link.endpoints.map((end) => boxOf.get(nodeOf(end)) ?? nodeOf(end)) })),
    titles,
  };
}

const nodeOf = (end: string): string => end.split(':')[0] ?? '';

/** Breadth first from the first node of each part. */
function place(names: readonly string[], links: readonly SketchedLink[]): Map<string, { x: number; y: number }> {
  const neighbours = new Map(names.map((name): [string, string[]] => [name, []]));
  for (const { endpoints } of links) {
    const [a = '', b = ''] = endpoints.map(nodeOf);
    neighbours.get(a)?.push(b);
    neighbours.get(b)?.push(a);
  }
  const at = new Map<string, { x: number; y: number }>();
  let top = 0;
  for (const first of names) {
    if (at.has(first)) continue;
    const columns: string[][] = [];
    const distances = new Map([[first, 0]]);
    // A Map's iteration goes on to what is added meanwhile.
    for (const [name, distance] of distances) {
      const column = columns[distance] ?? [];
      columns[distance] = column;
      column.push(name);
      for (const next of neighbours.get(name) ?? []) if (!distances.has(next)) distances.set(next, distance + 1);
    }
    const rows = Math.max(...columns.map((column) => column.length));
    for (const [c, column] of columns.entries())
      for (const [r, name] of column.entries())
        at.set(name, {
          x: 16 + BOX.width / 2 + c * COLUMN,
          y: top + 20 + BOX.height / 2 + (r + (rows - column.length) / 2) * ROW,
        });
    top += rows * ROW;
  }
  return at;
}
