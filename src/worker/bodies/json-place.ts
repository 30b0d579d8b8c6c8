/** Where a text stops to be JSON (RFC 8259), which the engine's own messages do not always say. */

/** Pieces of a string are taken one after another: a pattern for all of them would try every way to cut one that has no end. */
const IN_STRING = /[^"\\\p{Cc}]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/uy;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const BLANK = /[ \t\r\n]*/y;

type Wanted = 'a value' | 'a value or ]' | 'a name' | 'a name or }' | ':' | ', or the end' | 'nothing more';

/** The index of the first character that cannot stand there, and what could; of a text that JSON.parse refuses. */
export function placeOfMistake(text: string): { readonly index: number; readonly wanted: Wanted } {
  const open: ('{' | '[')[] = [];
  let wanted: Wanted = 'a value';
  let index = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = index;
    const found = pattern.test(text);
    if (found) index = pattern.lastIndex;
    return found;
  };
  const skipString = (): boolean => {
    const begin = index;
    if (text[index] !== '"') return false;
    index++;
    while (skip(IN_STRING));
    if (text[index] === '"') {
      index++;
      return true;
    }
    index = begin;
    return false;
  };
  const after = (): Wanted => (open.length > 0 ? ', or the end' : 'nothing more');
  for (;;) {
    skip(BLANK);
    const char = text[index];
    const start = index;
    if (wanted.startsWith('a value') && (char === '{' || char === '[')) {
      index++;
      open.push(char);
      wanted = char === '{' ? 'a name or }' : 'a value or ]';
    } else if (char === '}' && open.at(-1) === '{' && (wanted === 'a name or }' || wanted === ', or the end')) {
      index++;
      open.pop();
      wanted = after();
    } else if (char === ']' && open.at(-1) === '[' && (wanted === 'a value or ]' || wanted === ', or the end')) {
      index++;
      open.pop();
      wanted = after();
    } else if (wanted.startsWith('a value') && (skipString() || skip(SCALAR))) {
      wanted = after();
    } else if (wanted.startsWith('a name') && skipString()) {
      wanted = ':';
    } else if (wanted === ':' && char === ':') {
      index++;
      wanted = 'a value';
    } else if (wanted === ', or the end' && char === ',') {
      index++;
      wanted = open.at(-1) === '{' ? 'a name' : 'a value';
    } else {
      return { index: start, wanted };
    }
  }
}
