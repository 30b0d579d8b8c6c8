/** The syntax of genimage's configurations, which is libconfuse's: options, lists and blocks with titles. */

import { HostError } from '../../../errors/host-error.ts';

export type Value = string | readonly string[];

export interface Block {
  /** The word before it: image, partition, hdimage … */
  readonly type: string;
  /** The word behind that; empty: it has none. */
  readonly title: string;
  readonly values: ReadonlyMap<string, Value>;
  readonly blocks: readonly Block[];
}

interface Token {
  readonly text: string;
  /** As it stands there it is a value, whatever it looks like. */
  readonly isQuoted: boolean;
  readonly line: number;
}

/** Texts of files, by the names that they are included by. */
export type Included = ReadonlyMap<string, string>;

/** Blocks in blocks, and files in files: nobody writes more. */
const MOST_DEPTH = 16;

/** Throws `invalid-request` with the line. */
export function parseBlocks(text: string, included: Included = new Map()): Block {
  const tokens = withIncluded(tokensOf(text), included);
  let at = 0;
  const end: Token = { text: '', isQuoted: false, line: text.split('\n').length };
  const peek = (): Token => tokens[at] ?? end;
  const next = (): Token => tokens[at++] ?? end;
  const is = (token: Token, sign: string): boolean => !token.isQuoted && token.text === sign;
  const isWord = (token: Token): boolean => token !== end && (token.isQuoted || !'{}=,+='.includes(token.text));
  const word = (): string => {
    const token = next();
    if (isWord(token)) return token.text;
    throw wrong(token);
  };

  function values(): Value {
    if (!is(peek(), '{')) return word();
    next();
    const found: string[] = [];
    while (!is(peek(), '}')) {
      found.push(word());
      if (is(peek(), ',')) next();
      else if (!is(peek(), '}')) throw wrong(peek());
    }
    next();
    return found;
  }

  function body(type: string, title: string, depth: number): Block {
    if (depth > MOST_DEPTH) throw wrong(peek());
    const found = new Map<string, Value>();
    const blocks: Block[] = [];
    for (;;) {
      const token = peek();
      if (token === end || is(token, '}')) {
        if ((token === end) !== (depth === 0)) throw wrong(token);
        next();
        return { type, title, values: found, blocks };
      }
      const name = word();
      if (is(peek(), '=') || is(peek(), '+=')) {
        next();
        found.set(name, values());
        continue;
      }
      const blockTitle = is(peek(), '{') ? '' : word();
      if (!is(next(), '{')) throw wrong(token);
      blocks.push(body(name, blockTitle, depth + 1));
    }
  }

  return body('', '', 0);
}

/** Names of the files that a text includes. Throws as `parseBlocks` does. */
export const includesOf = (text: string): readonly string[] => [...inclusions(tokensOf(text))].map(({ name }) => name);

/** `include("file")`, whose words a space may part. */
function* inclusions(
  tokens: readonly Token[],
): Generator<{ readonly at: number; readonly end: number; readonly name: string }> {
  for (const [at, token] of tokens.entries()) {
    if (token.isQuoted || !/^include(\(|$)/.test(token.text)) continue;
    const opening = token.text === 'include' && tokens[at + 1]?.text === '(' ? at + 1 : at;
    const [name, closing] = [tokens[opening + 1], tokens[opening + 2]];
    if (!tokens[opening]?.text.endsWith('(')) continue;
    if (!name?.isQuoted || closing?.text !== ')') throw wrong(name ?? token);
    yield { at, end: opening + 3, name: name.text };
  }
}

function withIncluded(tokens: readonly Token[], included: Included, depth = 0): Token[] {
  const all: Token[] = [];
  let next = 0;
  for (const { at, end, name } of inclusions(tokens)) {
    const text = included.get(name);
    if (text === undefined)
      throw refused(
        `line ${tokens[at]?.line}: include("${name}"): there is no such file here; its text can stand there`,
      );
    if (depth > MOST_DEPTH) throw refused(`include("${name}"): it includes itself`);
    for (const token of tokens.slice(next, at)) all.push(token);
    for (const token of withIncluded(tokensOf(text), included, depth + 1)) all.push(token);
    next = end;
  }
  for (const token of tokens.slice(next)) all.push(token);
  return all;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  const PIECE =
    /(\n)|([ \t\r]+)|(#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|(\+=|[{}=,])|([^\s{}=,"'+#]+)|([\s\S])/y;
  for (let at = 0; at < text.length; at = PIECE.lastIndex) {
    PIECE.lastIndex = at;
    const found = PIECE.exec(text);
    if (!found) break;
    const [all, , , , double, single, sign, bare, other] = found;
    const quoted = double?.replaceAll(/\\([\s\S])/g, '$1') ?? single;
    if (other !== undefined) throw wrong({ text: other, isQuoted: false, line });
    if (quoted !== undefined) tokens.push({ text: quoted, isQuoted: true, line });
    else if (sign ?? bare) tokens.push({ text: sign ?? bare ?? '', isQuoted: false, line });
    line += all.split('\n').length - 1;
  }
  return tokens;
}

const wrong = ({ text, line }: Token): HostError =>
  refused(`line ${line}: ${text === '' ? 'the end' : `"${text}"`} is not expected there`);
const refused = (reason: string): HostError => new HostError('invalid-request', reason);
