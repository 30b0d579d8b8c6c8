/** Reads a script from left to right: blanks and comments are skipped, what is next is asked for. */

import { Depth } from './depth.ts';
import { placeIn, ScriptError } from './script-error.ts';

/** Blanks, // and # comments to the end of the line, C comments. */
const SKIPPED = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*)*/y;

/** By their sources: a scanner is asked for the same ones for each event of a script. */
const stickies = new Map<string, RegExp>();

function stickyOf({ source, flags }: RegExp): RegExp {
  const key = `${flags}/${source}`;
  const known = stickies.get(key);
  if (known) return known;
  const sticky = new RegExp(source, `${flags.replace(/[gy]/g, '')}y`);
  stickies.set(key, sticky);
  return sticky;
}

export class Scanner {
  readonly #text: string;
  #at = 0;
  /** Where what was taken last begins. */
  #taken = 0;
  /** Of the text before `#counted`: reading goes forwards only, so that each character is looked at once. */
  #line = 1;
  #counted = 0;
  readonly depth = new Depth(() => this.placeOf(this.#at));

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  #skip(): void {
    SKIPPED.lastIndex = this.#at;
    SKIPPED.exec(this.#text);
    this.#at = SKIPPED.lastIndex;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }
  get at(): number {
    return this.#at;
  }
  /** From 1. */
  get line(): number {
    for (; this.#counted < this.#at; this.#counted++) if (this.#text[this.#counted] === '\n') this.#line++;
    return this.#line;
  }

  /** Line and column of a place, for who has a mistake to tell: it is looked for from the beginning. */
  placeOf(at: number): readonly [line: number, column: number] {
    return placeIn(this.#text, at);
  }

  /** The text from `start` to here, on one line. */
  since(start: number): string {
    return this.#text
      .slice(start, this.#at)
      .replace(/\/\/[^\n]*/g, '')
      .replace(/\s+/g, ' ')
      .trim();
  }

  /** What a sticky expression matches here; what follows is skipped to. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const found = this.#match(pattern);
    if (!found) return undefined;
    this.#taken = this.#at;
    this.#at += found[0].length;
    this.#skip();
    return found;
  }

  /** Whether this text is next; it is taken then. */
  is(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#taken = this.#at;
    this.#at += text.length;
    this.#skip();
    return true;
  }

  /** Whether a sticky expression would match here. */
  looksLike(pattern: RegExp): boolean {
    return this.#match(pattern) !== null;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    const sticky = stickyOf(pattern);
    sticky.lastIndex = this.#at;
    return sticky.exec(this.#text);
  }

  looksAt(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  must(text: string): void {
    if (!this.is(text)) throw this.wrong(`"${text}"`);
  }

  mustTake(pattern: RegExp, what: string): RegExpExecArray {
    const found = this.take(pattern);
    if (!found) throw this.wrong(what);
    return found;
  }

  /** What is between here and `end`, which is taken too. */
  until(end: string): string {
    const to = this.#text.indexOf(end, this.#at);
    if (to < 0) throw this.wrong(`"${end}" somewhere`);
    const text = this.#text.slice(this.#at, to);
    this.#at = to + end.length;
    this.#skip();
    return text;
  }

  /** What was read cannot be. */
  failed(why: string): ScriptError {
    return new ScriptError(`semantic error: ${why}`, ...this.placeOf(this.#taken));
  }

  wrong(expected: string): ScriptError {
    const next = this.#text.slice(this.#at, this.#at + 30).split('\n')[0] ?? '';
    return new ScriptError(`syntax error: ${expected} was expected at "${next}"`, ...this.placeOf(this.#at));
  }
}
