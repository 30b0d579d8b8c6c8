/** Parses the text that lvm2 keeps its metadata in (lvm.conf(5) has the same syntax): sections of names and values. */

import { MetadataError } from '../bad-stack.ts';

export type Value = number | string | readonly (number | string)[];

export interface Section {
  readonly values: ReadonlyMap<string, Value>;
  readonly sections: ReadonlyMap<string, Section>;
}

const MAX_DEPTH = 8;

/** A group of LVM has some hundred thousand where it is very large. */
const MAX_TOKENS = 1_000_000;

/** None of these tries two ways through one text: whatever it is, it costs no stack. */
const BLANK = /[\s\0]+|#[^\n]*/y;
/** A name or number, a mark, or the beginning of a string. */
const TOKEN = /([\w.+-]+)|([{}=[\],])|"/y;
const IN_STRING = /[^"\\]+|\\./sy;

type Token = { readonly word: string } | { readonly text: string } | { readonly mark: string };

function* tokensOf(text: string): Generator<Token, void> {
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (let count = 0; ; count += 1) {
    while (next(BLANK));
    if (at === text.length) return;
    const found = next(TOKEN);
    if (found === null) throw new MetadataError('its metadata is no text of LVM2');
    if (count === MAX_TOKENS) throw new MetadataError(`its metadata has more than ${MAX_TOKENS} words`);
    const [, word, mark] = found;
    if (word !== undefined) yield { word };
    else if (mark !== undefined) yield { mark };
    else {
      const from = at;
      while (next(IN_STRING));
      if (text[at] !== '"') throw new MetadataError('its metadata is no text of LVM2');
      yield { text: text.slice(from, at).replaceAll(/\\(.)/g, '$1') };
      at += 1;
    }
  }
}

export function parseText(text: string): Section {
  const tokens = tokensOf(text);
  let words = 0;
  /** The one that is next; undefined behind the last. */
  let token: Token | undefined;
  const go = () => {
    const { value, done } = tokens.next();
    token = done ? undefined : value;
    words += 1;
  };
  go();
  const isMark = (mark: string) => token !== undefined && 'mark' in token && token.mark === mark;
  const damaged = (): never => {
    throw new MetadataError(`its metadata is damaged (word ${words})`);
  };
  const expect = (mark: string) => {
    if (!isMark(mark)) damaged();
    go();
  };
  const scalar = (): number | string => {
    const found = token;
    if (found === undefined || 'mark' in found) return damaged();
    go();
    if ('text' in found) return found.text;
    const number = Number(found.word);
    return Number.isFinite(number) ? number : damaged();
  };
  const list = (): (number | string)[] => {
    const values: (number | string)[] = [];
    expect('[');
    while (!isMark(']')) {
      values.push(scalar());
      if (!isMark(',')) break;
      go();
    }
    expect(']');
    return values;
  };
  const section = (depth: number): Section => {
    if (depth > MAX_DEPTH) throw new MetadataError('its metadata has sections in sections without end');
    const values = new Map<string, Value>();
    const sections = new Map<string, Section>();
    while (token !== undefined && !isMark('}')) {
      if (!('word' in token)) return damaged();
      const { word } = token;
      go();
      if (isMark('{')) {
        go();
        sections.set(word, section(depth + 1));
        expect('}');
      } else {
        expect('=');
        values.set(word, isMark('[') ? list() : scalar());
      }
    }
    return { values, sections };
  };
  const all = section(0);
  if (token !== undefined) damaged();
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
