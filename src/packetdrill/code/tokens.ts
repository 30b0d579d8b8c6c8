/** The tokens of a piece of Python, with how far each line is indented. */

import { placeIn, ScriptError } from '../language/script-error.ts';

export interface Token {
  readonly kind: 'number' | 'string' | 'format' | 'name' | 'mark' | 'newline' | 'end';
  readonly text: string;
  /** Where in the code it is. */
  readonly at: number;
  /** Of the first token of a line: how far in it stands. */
  readonly column?: number;
}

const PATTERN =
  /([ \t\r]+)|#[^\n]*|\\\n|(\n|;)|(0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([rRbBuUfF]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))|([A-Za-z_][A-Za-z0-9_]*)|(\*\*=?|\/\/=?|<<=?|>>=?|[-+*/%&|^]=|[=!<>]=|[-+*/%&|^~<>=()[\]{},.:])/y;
const TAB = 8;

/** Where a line's text begins, tabs counted as Python counts them. */
function columnOf(blanks: string): number {
  let column = 0;
  for (const blank of blanks) column = blank === '\t' ? column + TAB - (column % TAB) : column + 1;
  return column;
}

export function tokens(code: string): Token[] {
  const found: Token[] = [];
  let depth = 0;
  let at = 0;
  // What stands behind "%{" is the first line: nobody sees how far in it is.
  let column: number | undefined;
  const add = (kind: Token['kind'], text: string) => {
    found.push(column === undefined ? { kind, text, at } : { kind, text, at, column });
    column = undefined;
  };
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < code.length) {
    at = PATTERN.lastIndex;
    const match = PATTERN.exec(code);
    if (!match)
      throw new ScriptError(
        `code has something that is not understood at "${code.slice(at, at + 20)}"`,
        ...placeIn(code, at),
      );
    const [, blanks, newline, number, string, name, mark] = match;
    if (blanks !== undefined) {
      if (column !== undefined) column = columnOf(blanks);
    } else if (newline !== undefined) {
      if (depth > 0) continue;
      column = undefined;
      found.push({ kind: 'newline', text: newline, at });
      if (newline === '\n') column = 0;
    } else if (number !== undefined) add('number', number);
    else if (string !== undefined) add(/^f/i.test(string) ? 'format' : 'string', unquoted(string));
    else if (name !== undefined) add('name', name);
    else if (mark !== undefined) {
      if ('([{'.includes(mark)) depth++;
      if (')]}'.includes(mark)) depth--;
      add('mark', mark);
    }
  }
  return [
    ...found,
    { kind: 'newline', text: '\n', at: code.length },
    { kind: 'end', text: '', at: code.length, column: -1 },
  ];
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquoted(text: string): string {
  const isRaw = /^r/i.test(text);
  const inner = text.slice(/^[a-z]/i.test(text) ? 2 : 1, -1);
  return isRaw ? inner : inner.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}
