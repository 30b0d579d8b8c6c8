/** Reads the tokens of a piece of code one after another. */

import { Depth } from '../language/depth.ts';
import { ScriptError } from '../language/script-error.ts';
import { type Token, tokens } from './tokens.ts';

export class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;
  /** What is nested is read by who calls himself for each level. */
  readonly depth = new Depth();

  readonly #code: string;

  constructor(code: string) {
    this.#code = code;
    this.#tokens = tokens(code);
  }

  get next(): Token {
    return this.ahead(0);
  }
  ahead(by: number): Token {
    return this.#tokens[this.#at + by] ?? { kind: 'end', text: '', at: this.#tokens.at(-1)?.at ?? 0, column: -1 };
  }
  take(): Token {
    const token = this.next;
    this.#at++;
    return token;
  }
  get place(): number {
    return this.#at;
  }
  back(place: number): void {
    this.#at = place;
  }

  /** The code from the token at `place` to what is next, on one line. */
  textSince(place: number): string {
    return this.#code.slice(this.#tokens[place]?.at, this.next.at).replace(/\s+/g, ' ').trim();
  }

  /** Looks whether a mark or word is next. */
  sees(text: string): boolean {
    const { kind, text: found } = this.next;
    return found === text && (kind === 'mark' || kind === 'name');
  }
  is(text: string): boolean {
    const found = this.sees(text);
    if (found) this.#at++;
    return found;
  }
  must(text: string): void {
    if (!this.is(text)) throw new ScriptError(`code: "${text}" was expected at "${this.next.text}"`);
  }
  name(): string {
    const { kind, text } = this.next;
    if (kind !== 'name') throw new ScriptError(`code: a name was expected at "${text}"`);
    this.take();
    return text;
  }
}
