/** Parses the text that lvm2 keeps its metadata in (lvm.conf(5) has the same syntax): sections of names and values. */

import { MetadataError } from '../bad-stack.ts';

export type Value = number | string | readonly (number | string)[];

export interface Section {
  readonly values: ReadonlyMap<string, Value>;
  readonly sections: ReadonlyMap<string, Section>;
}

const MAX_DEPTH = 8;

/** White space and comments; then a name or number, a string, or a mark. */
const TOKEN = /(?:\s|#[^\n]*(?:\n|$))*(?:([\w.+-]+)|"((?:[^"\\]|\\.)*)"|([{}=[\],]))/y;

type Token = { readonly word: string } | { readonly text: string } | { readonly mark: string };

function* tokensOf(text: string): Generator<Token, void> {
  TOKEN.lastIndex = 0;
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const [all, word, string, mark] = TOKEN.exec(text) ?? [];
    if (all === undefined) break;
    at += all.length;
    if (word !== undefined) yield { word };
    else if (string !== undefined) yield { text: string.replaceAll(/\\(.)/g, '$1') };
    else yield { mark: mark ?? '' };
  }
  if (!/^(\s|#[^\n]*(\n|$)|\0)*$/.test(text.slice(at))) throw new MetadataError('its metadata is no text of LVM2');
}

export function parseText(text: string): Section {
  const tokens = [...tokensOf(text)];
  let next = 0;
  const isMark = (mark: string) => {
    const token = tokens[next];
    return token !== undefined && 'mark' in token && token.mark === mark;
  };
  const damaged = (): never => {
    throw new MetadataError(`its metadata is damaged (word ${next} of ${tokens.length})`);
  };
  const expect = (mark: string) => {
    if (!isMark(mark)) damaged();
    next += 1;
  };
  const scalar = (): number | string => {
    const token = tokens[next];
    next += 1;
    if (token === undefined || 'mark' in token) return damaged();
    if ('text' in token) return token.text;
    const number = Number(token.word);
    return Number.isSafeInteger(number) || Number.isFinite(number) ? number : damaged();
  };
  const list = (): (number | string)[] => {
    const values: (number | string)[] = [];
    expect('[');
    while (!isMark(']')) {
      values.push(scalar());
      if (!isMark(',')) break;
      next += 1;
    }
    expect(']');
    return values;
  };
  const section = (depth: number): Section => {
    if (depth > MAX_DEPTH) throw new MetadataError('its metadata has sections in sections without end');
    const values = new Map<string, Value>();
    const sections = new Map<string, Section>();
    while (next < tokens.length && !isMark('}')) {
      const token = tokens[next];
      if (token === undefined || !('word' in token)) return damaged();
      next += 1;
      if (isMark('{')) {
        next += 1;
        sections.set(token.word, section(depth + 1));
        expect('}');
      } else {
        expect('=');
        values.set(token.word, isMark('[') ? list() : scalar());
      }
    }
    return { values, sections };
  };
  const all = section(0);
  if (next < tokens.length) damaged();
  return all;
}

/** Members of a section, of the type that is asked for or an error. */
export const numberIn = ({ values }: Section, name: string, max = Number.MAX_SAFE_INTEGER): number => {
  const value = values.get(name);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new MetadataError(`its metadata is damaged: ${name} is no number`);
};

export const textIn = ({ values }: Section, name: string): string => {
  const value = values.get(name);
  if (typeof value === 'string') return value;
  throw new MetadataError(`its metadata is damaged: ${name} is no text`);
};

export const listIn = ({ values }: Section, name: string): readonly (number | string)[] => {
  const value = values.get(name) ?? [];
  if (typeof value === 'object') return value;
  throw new MetadataError(`its metadata is damaged: ${name} is no list`);
};
