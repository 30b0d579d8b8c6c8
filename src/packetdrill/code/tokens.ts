/** The tokens of a piece of Python. */

import { ScriptError } from '../language/script.ts';

export interface Token {
  readonly kind: 'number' | 'string' | 'name' | 'mark' | 'newline' | 'end';
  readonly text: string;
}

const PATTERN =
  /[ \t\r]+|#[^\n]*|\\\n|(\n|;)|(0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([rRbBuU]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))|([A-Za-z_][A-Za-z0-9_]*)|(\*\*=?|\/\/=?|<<=?|>>=?|[-+*/%&|^]=|[=!<>]=|[-+*/%&|^~<>=()[\]{},.:])/y;

export function tokens(code: string): Token[] {
  const found: Token[] = [];
  let depth = 0;
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < code.length) {
    const at = PATTERN.lastIndex;
    const match = PATTERN.exec(code);
    if (!match) throw new ScriptError(`code has something that is not understood at "${code.slice(at, at + 20)}"`);
    const [, newline, number, string, name, mark] = match;
    if (newline !== undefined) {
      if (depth === 0) found.push({ kind: 'newline', text: newline });
    } else if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (string !== undefined) found.push({ kind: 'string', text: unquoted(string) });
    else if (name !== undefined) found.push({ kind: 'name', text: name });
    else if (mark !== undefined) {
      if ('([{'.includes(mark)) depth++;
      if (')]}'.includes(mark)) depth--;
      found.push({ kind: 'mark', text: mark });
    }
  }
  return [...found, { kind: 'newline', text: '\n' }, { kind: 'end', text: '' }];
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquoted(text: string): string {
  const from = /^[a-z]/i.test(text) ? 2 : 1;
  return text.slice(from, -1).replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}
