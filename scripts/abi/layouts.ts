/** Reads where each field of a struct lies, from clang's own record layouts for our target. */

import type { Unit } from './headers.ts';
import { fields as hints, renamed, structs } from './structs.ts';

/** One struct: its size in bytes, then "field:kind@offset …". */
export type StructRow = readonly [size: number, fields: string];

interface Line {
  readonly offset: number;
  /** Lowest and highest bit, for a bit-field. */
  readonly bits: readonly [number, number] | undefined;
  readonly depth: number;
  /** The type as the header writes it. */
  readonly type: string;
  /** The type with every typedef resolved. */
  readonly canonical: string;
  readonly name: string;
}

interface Dumped {
  readonly size: number;
  readonly lines: readonly Line[];
}

/** Types that have a text form of their own. */
const texts = new Set(['in_addr', 'in6_addr', 'sockaddr', 'sockaddr_storage']);
/** Fields that only fill space. */
const padding = /^__|^_?(pad|padding|unused|reserved|spare|resv|resvd|res1|res2|_f)\d*$|_(pad|spare|reserved|zero)\d*$/;

const friendly = new Map(Object.entries(renamed).map(([name, tag]) => [tag, name]));

export function readLayouts(
  unit: Unit,
  tags: readonly string[] = [...new Set([...Object.values(renamed), ...structs])],
): Record<string, StructRow> {
  const dumped = dump(unit, tags);
  const macros = readMacros(unit);
  const rows: Record<string, StructRow> = {};
  const add = (tag: string): string => {
    const name = friendly.get(tag) ?? tag;
    if (rows[name] !== undefined || texts.has(name)) return name;
    const found = dumped.get(tag);
    if (found === undefined) throw new Error(`no layout of struct ${tag}`);
    rows[name] = [found.size, ''];
    rows[name] = [found.size, fieldsOf(name, found, macros, add).join(' ')];
    return name;
  };
  for (const tag of tags) add(tag);
  return rows;
}

/** "name:kind@offset" of each field; nested anonymous members count as the struct's own. */
function fieldsOf(
  struct: string,
  { lines }: Dumped,
  macros: Map<string, string[]>,
  nested: (tag: string) => string,
): string[] {
  const out: string[] = [];
  const path: string[] = [];
  let skipBelow = Number.POSITIVE_INFINITY;
  lines.forEach((line, i) => {
    if (line.depth > skipBelow) return;
    skipBelow = Number.POSITIVE_INFINITY;
    path.length = line.depth - 1;
    path[line.depth - 1] = line.name;
    const dotted = path.filter((part) => part !== '').join('.');
    const opaque = dotted.includes('.') && !macros.has(dotted);
    const whole = line.type === 'sigset_t';
    const aggregate = (lines[i + 1]?.depth ?? 0) > line.depth;
    const tag = /^(?:struct|union) (\w+)$/.exec(line.type)?.[1];
    if (aggregate && !whole && (tag === undefined || [...macros.keys()].some((key) => key.startsWith(`${dotted}.`))))
      return;
    if (aggregate) skipBelow = line.depth;
    if (opaque && startsWithMacro(dotted, macros)) return;
    const outer = path[line.depth - 2] ?? '';
    for (const name of macros.get(dotted) ?? [soleMember(lines, i) ? outer : line.name]) {
      if (name === '' || padding.test(name)) continue;
      const hint = hints[`${struct}.${name}`];
      const kind = hint?.startsWith('=')
        ? hint.slice(1)
        : kindOf(line, nested) + (hint === undefined ? '' : `/${hint}`);
      out.push(`${name}:${kind}@${line.offset}${line.bits === undefined ? '' : `.${line.bits.join('-')}`}`);
    }
  });
  return out;
}

/** Whether a line is the only member of a named struct that has no tag, as in __kernel_fsid_t: then the outer name is the field's. */
function soleMember(lines: readonly Line[], i: number): boolean {
  const [outer, line, next] = [lines[i - 1], lines[i], lines[i + 1]];
  if (outer === undefined || line === undefined || outer.depth !== line.depth - 1 || /[( ]/.test(outer.type))
    return false;
  return next === undefined || next.depth < line.depth;
}

/** Whether a sibling path is known by a macro name: then this one is an alternative that nobody names. */
function startsWithMacro(dotted: string, macros: Map<string, string[]>): boolean {
  const top = `${dotted.split('.')[0]}.`;
  return [...macros.keys()].some((key) => key.startsWith(top));
}

const scalars: Record<string, string> = {
  char: 's8',
  'signed char': 's8',
  'unsigned char': 'u8',
  _Bool: 'u8',
  short: 's16',
  'unsigned short': 'u16',
  int: 's32',
  long: 's32',
  'unsigned int': 'u32',
  'unsigned long': 'u32',
  'long long': 's64',
  'unsigned long long': 'u64',
};

function kindOf({ type, canonical }: Line, nested: (tag: string) => string): string {
  if (type === 'sigset_t') return 'sigset';
  const [, base = '', dimensions = ''] = /^(.*?)((?:\[\d*\])*)$/.exec(canonical) ?? [];
  const length =
    dimensions === '[]' ? '[]' : [...dimensions.matchAll(/\d+/g)].reduce((product, [n]) => product * Number(n), 1);
  const array = dimensions === '' ? '' : length === '[]' || length === 0 ? '[]' : `[${length}]`;
  if (/\*|\(/.test(base) && !base.includes('(unnamed')) return `ptr${array}`;
  const tag = /^(?:struct|union) (\w+)$/.exec(base)?.[1];
  if (tag !== undefined) return nested(tag) + array;
  if (/^enum /.test(base)) return `u32${array}`;
  const big = /\b__be(16|32|64)\b/.exec(type)?.[1];
  if (big !== undefined) return `be${big}${array}`;
  const scalar = scalars[base];
  if (scalar === undefined) throw new Error(`no kind for the C type ${canonical}`);
  if (array === '') return scalar;
  return base === 'char' ? `str${array}` : base === 'unsigned char' ? `bytes${array}` : scalar + array;
}

/** Every record that clang lays out for these tags. */
function dump(unit: Unit, tags: readonly string[]): Map<string, Dumped> {
  const text = tags.map((tag, i) => `char probe_${i}[sizeof(struct ${tag})];`).join('\n');
  const run = (flag: string) => {
    const { stdout, stderr, ok } = unit.run(text, '-fsyntax-only', '-Xclang', '-fdump-record-layouts', '-Xclang', flag);
    if (!ok) throw new Error(stderr);
    return stdout.split('*** Dumping AST Record Layout').slice(1);
  };
  const plain = run('-fdump-record-layouts');
  const canonical = run('-fdump-record-layouts-canonical');
  const found = new Map<string, Dumped>();
  plain.forEach((record, i) => {
    const tag = /^\s*0 \| (?:struct|union) (\w+)$/m.exec(record)?.[1];
    if (tag === undefined) return;
    const types = fieldLines(canonical[i] ?? '').map((line) => line.type);
    const lines = fieldLines(record).map((line, j) => ({ ...line, canonical: types[j] ?? '' }));
    found.set(tag, { size: Number(/sizeof=(\d+)/.exec(record)?.[1]), lines });
  });
  return found;
}

function fieldLines(record: string): Omit<Line, 'canonical'>[] {
  return [...record.matchAll(/^ *(\d+)(?::(\d+)-(\d+))? \|( {3,})(\S.*)$/gm)].map(
    ([, offset, low, high, indent = '', text = '']) => {
      const [, type = '', name = ''] =
        /^(.*?) ?(\w*)$/.exec(text.replace(/\(([^)]*)\)\)?/g, (part) => part.replace(/ /g, '~'))) ?? [];
      return {
        offset: Number(offset),
        bits: low === undefined ? undefined : ([Number(low), Number(high)] as const),
        depth: (indent.length - 1) / 2,
        type: type.replace(/~/g, ' '),
        name,
      };
    },
  );
}

/** Macros that stand for a path into a struct, as si_pid does: path → macros. */
function readMacros(unit: Unit): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, name = '', path = ''] of unit
    .run('', '-E', '-dD')
    .stdout.matchAll(/^#define ([a-z]\w*)\s+(_?[a-z]\w*(?:\.\w+)+)\s*(?:\/\*.*)?$/gm)) {
    found.set(path, [...(found.get(path) ?? []), name]);
  }
  return found;
}
