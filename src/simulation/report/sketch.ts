/** The network as a drawing: nodes in columns by their distance from the first host, links between them; many alike hosts are one box. */

import { html } from 'hono/html';
import { milliseconds, rate } from './numbers.ts';

export interface SketchedLink {
  readonly name: string;
  /** "a:eth0" */
  readonly endpoints: readonly string[];
  readonly forward: { readonly rate_bps?: number; readonly delay_ms: number };
}

/** More than these are a cloud. */
const MOST_NODES = 60;
const COLUMN = 220;
const ROW = 46;
const BOX = { width: 96, height: 26 } as const;

export function sketch(allNames: readonly string[], allLinks: readonly SketchedLink[]) {
  const { names, links, titles } = grouped(allNames, allLinks);
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

/** Hosts that hang on one node by alike links, and on nothing else, become one box: "24 × h1". */
function grouped(names: readonly string[], links: readonly SketchedLink[]): Drawn {
  const degrees = new Map<string, number>();
  for (const { endpoints } of links)
    for (const end of endpoints) degrees.set(nodeOf(end), (degrees.get(nodeOf(end)) ?? 0) + 1);
  const alike = Map.groupBy(links, (link) => {
    const leaves = link.endpoints.map(nodeOf).filter((name) => degrees.get(name) === 1);
    if (leaves.length !== 1) return undefined;
    const [hub] = link.endpoints.map(nodeOf).filter((name) => name !== leaves[0]);
    return `${hub} ${shortWordsOf(link)}`;
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
