/** XML with namespaces, as WebDAV's requests and answers have it. */

import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml';

/** A name with its namespace; '' is none. */
export interface Name {
  readonly ns: string;
  readonly local: string;
}

export interface Element extends Name {
  readonly attributes: readonly (Name & { readonly value: string })[];
  readonly children: readonly (Element | string)[];
}

export const DAV = 'DAV:';

export const isDav = (element: Name, local: string): boolean => element.ns === DAV && element.local === local;

export const elementsOf = ({ children }: Element): Element[] => children.filter((child) => typeof child !== 'string');

/** The first child of that name in the namespace DAV:. */
export const davChild = (element: Element, local: string): Element | undefined =>
  elementsOf(element).find((child) => isDav(child, local));

export const textOf = ({ children }: Element): string =>
  children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');

/** Elements in elements: nobody needs more, and each costs a call. */
const MAX_DEPTH = 64;

const XML_NS = 'http://www.w3.org/XML/1998/namespace';

/** Throws where it is no XML, or its namespaces are not declared. There are no entities but XML's own: nothing can grow. */
export function readXml(text: string): Element {
  const root = rootOf(text);
  if (root === null) throw new Error('there is no element');
  return resolved(root, new Map([['xml', XML_NS]]), 0);
}

function rootOf(text: string): XmlElement | null {
  try {
    return parseXml(text).root;
  } catch (cause) {
    // The parser calls itself for each level, and has no limit of its own.
    throw cause instanceof RangeError ? tooDeep() : cause;
  }
}

const tooDeep = () => new Error(`there are more than ${MAX_DEPTH} elements in each other`);

function resolved(element: XmlElement, outer: ReadonlyMap<string, string>, depth: number): Element {
  if (depth > MAX_DEPTH) throw tooDeep();
  const spaces = new Map(outer);
  const attributes = Object.entries(element.attributes);
  for (const [name, value] of attributes) {
    if (name === 'xmlns') spaces.set('', value);
    else if (name.startsWith('xmlns:')) {
      if (value === '') throw new Error(`the namespace of ${name.slice(6)} is empty`);
      spaces.set(name.slice(6), value);
    }
  }
  const nameOf = (name: string, isAttribute: boolean): Name => {
    const colon = name.indexOf(':');
    if (colon < 0) return { ns: isAttribute ? '' : (spaces.get('') ?? ''), local: name };
    const ns = spaces.get(name.slice(0, colon));
    if (ns === undefined) throw new Error(`the namespace ${name.slice(0, colon)} is not declared`);
    return { ns, local: name.slice(colon + 1) };
  };
  return {
    ...nameOf(element.name, false),
    attributes: attributes
      .filter(([name]) => name !== 'xmlns' && !name.startsWith('xmlns:'))
      .map(([name, value]) => ({ ...nameOf(name, true), value })),
    children: element.children.flatMap((child): (Element | string)[] => {
      if (child instanceof XmlElement) return [resolved(child, spaces, depth + 1)];
      return child instanceof XmlText ? [child.text] : [];
    }),
  };
}

export const escaped = (text: string): string =>
  text.replaceAll(/[&<>"\r]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Each element declares its own namespace, so that it can stand anywhere; those of DAV: have the prefix D of the whole. */
export const writeXml = (element: Element): string => wrapped(element, contentXml(element));

/** What stands in an element of this name: its attributes, a ">" and its children. */
export function contentXml({ attributes, children }: Element): string {
  const given = attributes.map(({ ns: space, local: name, value }, index) => {
    if (space === '') return ` ${name}="${escaped(value)}"`;
    if (space === XML_NS) return ` xml:${name}="${escaped(value)}"`;
    return ` xmlns:a${index}="${escaped(space)}" a${index}:${name}="${escaped(value)}"`;
  });
  return `${given.join('')}>${children.map((child) => (typeof child === 'string' ? escaped(child) : writeXml(child))).join('')}`;
}

/** The element again, of what `contentXml` wrote. */
export function wrapped(name: Name, content: string): string {
  const [tag, declared] = tagOf(name);
  return `<${tag}${declared}${content}</${tag}>`;
}

/** How a name is written, and what declares it. */
function tagOf({ ns, local }: Name): [tag: string, declared: string] {
  if (ns === DAV) return [`D:${local}`, ''];
  return ns === '' ? [local, ' xmlns=""'] : [`x:${local}`, ` xmlns:x="${escaped(ns)}"`];
}

export const emptyTag = (name: Name): string => {
  const [tag, declared] = tagOf(name);
  return `<${tag}${declared}/>`;
};

export const document = (root: string, inner: string): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<D:${root} xmlns:D="DAV:">${inner}</D:${root}>\n`;
