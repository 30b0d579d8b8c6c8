/** The words of a shell script: enough of sh for the commands that packetdrill's scripts have. */

import { Depth } from '../language/depth.ts';
import { ScriptError } from '../language/script-error.ts';

export interface Redirect {
  readonly to: string;
  readonly append: boolean;
}

export interface Command {
  readonly words: readonly string[];
  /** Where its output goes; of standard error nothing is shown anyway. */
  readonly output?: Redirect;
}

/** Commands that hand their output on, and what the result of the one before means for them. */
export interface Pipeline {
  readonly when: 'always' | 'success' | 'failure';
  readonly commands: readonly Command[];
  readonly negated: boolean;
}

/** A word is text with its expansions still in it: \u0001NAME\u0002 for a variable. */
type Part =
  | { readonly kind: 'word'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'mark'; readonly text: string };

/** `expand` gives a variable's text. */
export function parseShell(text: string, expand: (name: string) => string): Pipeline[] {
  const parts = partsOf(text, expand);
  const pipelines: Pipeline[] = [];
  let when: Pipeline['when'] = 'always';
  let commands: Command[] = [];
  let words: string[] = [];
  let output: Redirect | undefined;
  let negated = false;
  const endCommand = () => {
    if (words[0] === '!' && commands.length === 0) {
      negated = true;
      words.shift();
    }
    const [first] = words;
    if (first !== undefined && unsupported.has(first)) throw new ScriptError(`the shell's "${first}" is not supported`);
    if (words.length > 0) commands.push({ words, ...(output && { output }) });
    words = [];
    output = undefined;
  };
  const endPipeline = (next: Pipeline['when']) => {
    endCommand();
    if (commands.length > 0) pipelines.push({ when, commands, negated });
    commands = [];
    negated = false;
    when = next;
  };
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (!part) break;
    if (part.kind === 'word') {
      words.push(part.text);
      continue;
    }
    switch (part.text) {
      case '|':
        endCommand();
        break;
      case '&&':
        endPipeline('success');
        break;
      case '||':
        endPipeline('failure');
        break;
      case '>':
      case '>>': {
        const to = parts[++i];
        if (to?.kind !== 'word') throw new ScriptError('a redirection goes nowhere');
        output = { to: to.text, append: part.text === '>>' };
        break;
      }
      case 'error':
        break;
      default:
        endPipeline('always');
    }
  }
  endPipeline('always');
  return pipelines;
}

const unsupported: ReadonlySet<string> = new Set([
  'for',
  'while',
  'if',
  'case',
  'until',
  'function',
  'source',
  '.',
  'eval',
]);

function partsOf(text: string, expand: (name: string) => string): Part[] {
  const parts: Part[] = [];
  let word: { text: string; quoted: boolean } | undefined;
  const end = () => {
    if (word) parts.push({ kind: 'word', ...word });
    word = undefined;
  };
  const add = (more: string, quoted = false) => {
    word = { text: (word?.text ?? '') + more, quoted: quoted || (word?.quoted ?? false) };
  };
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const sticky = new RegExp(pattern.source, 'y');
    sticky.lastIndex = at;
    const found = sticky.exec(text);
    if (found) at = sticky.lastIndex;
    return found ?? undefined;
  };
  while (at < text.length) {
    if (take(/\\\n/)) continue;
    if (take(/[ \t\r]+/)) {
      end();
      continue;
    }
    if (!word && take(/#[^\n]*/)) continue;
    const mark = take(/2>&1|2>\s*\/dev\/null|&>\s*\/dev\/null|>&2|1>|&&|\|\||>>|[|;>&\n]/)?.[0];
    if (mark !== undefined) {
      end();
      if (mark === '&') throw new ScriptError('commands in the background are not supported');
      if (mark.startsWith('2>') || mark === '>&2') parts.push({ kind: 'mark', text: 'error' });
      else if (mark.startsWith('&>'))
        parts.push({ kind: 'mark', text: '>' }, { kind: 'word', text: '/dev/null', quoted: true });
      else parts.push({ kind: 'mark', text: mark === '1>' ? '>' : mark });
      continue;
    }
    const single = take(/'([^']*)'/);
    if (single) {
      add(single[1] ?? '', true);
      continue;
    }
    if (take(/"/)) {
      add('', true);
      while (!take(/"/)) {
        if (at >= text.length) throw new ScriptError('a quote has no end');
        add(dollar(take, expand) ?? take(/\\(["\\$`])/)?.[1] ?? take(/[\s\S]/)?.[0] ?? '', true);
      }
      continue;
    }
    if (take(/\$\(\s*dirname|`/)) throw new ScriptError('commands in the words of commands are not supported');
    const escaped = take(/\\([\s\S])/);
    add(dollar(take, expand) ?? escaped?.[1] ?? take(/[\s\S]/)?.[0] ?? '');
  }
  end();
  return parts;
}

/** "$NAME", "${NAME}", "$((1 + 2))"; undefined: there is none here. */
function dollar(
  take: (pattern: RegExp) => RegExpExecArray | undefined,
  expand: (name: string) => string,
): string | undefined {
  const sum = take(/\$\(\(([^()]*(?:\([^()]*\)[^()]*)*)\)\)/);
  if (sum) return String(arithmetic(sum[1] ?? '', expand));
  const name = take(/\$\{([A-Za-z_0-9]+)\}/) ?? take(/\$([A-Za-z_][A-Za-z_0-9]*|[0-9?$])/);
  if (name) return expand(name[1] ?? '');
  if (take(/\$\(/)) throw new ScriptError('commands in the words of commands are not supported');
  return undefined;
}

/** Sums, products and brackets of whole numbers. */
export function arithmetic(text: string, expand: (name: string) => string): number {
  const all = text.match(/\d+|[A-Za-z_]\w*|[-+*/%()]|<<|>>/g) ?? [];
  let at = 0;
  const depth = new Depth();
  const value = (): number => depth.within(one);
  const one = (): number => {
    const token = all[at++] ?? '';
    if (token === '(') {
      const inner = sum();
      at++;
      return inner;
    }
    if (token === '-') return -value();
    return /^\d/.test(token) ? Number(token) : Number(expand(token));
  };
  const product = (): number => {
    let left = value();
    while (['*', '/', '%', '<<', '>>'].includes(all[at] ?? '')) {
      const operator = all[at++];
      const right = value();
      left =
        operator === '*'
          ? left * right
          : operator === '/'
            ? Math.trunc(left / right)
            : operator === '%'
              ? left % right
              : operator === '<<'
                ? left * 2 ** right
                : Math.floor(left / 2 ** right);
    }
    return left;
  };
  const sum = (): number => {
    let left = product();
    while (['+', '-'].includes(all[at] ?? '')) left = all[at++] === '+' ? left + product() : left - product();
    return left;
  };
  const result = sum();
  if (at < all.length || !Number.isFinite(result)) throw new ScriptError(`$((${text})) is not understood`);
  return result;
}
