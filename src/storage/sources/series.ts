/** How tools name the pieces that they split a file into: which names follow which. */

export interface Series {
  /** In their order, from the first on; what lacks between two that are there is named, too. */
  readonly names: readonly string[];
  readonly present: ReadonlySet<string>;
  /** What the next behind the last that is there would be named. */
  readonly next: string | undefined;
}

/** A way to number pieces. `stem` is what all of them begin with. */
interface Numbering {
  readonly stem: string;
  /** What the first may be named, behind the stem. */
  readonly firsts: readonly string[];
  /** What may follow a piece; the first of these that is there does. */
  after(suffix: string): readonly string[];
  /** Of a last piece with a name of its own. */
  readonly last?: string;
}

/** `.001`, `.part2`, `-00`, `x00` (`split -d`): after a single digit only behind a dot or that word, for disks are numbered, too. */
const DIGITS = /^((?:.*\.|.*\.?(?:part|chunk|split)[-_.]?)(?=\d)|.*[-_.](?=\d\d)|x(?=\d\d))(\d{1,6})$/i;
/** What `split` does unasked. */
const LETTERS = [/^(.*part)([a-z]{2,6})$/, /^(.*[-_.])([a-z]{2,6})$/, /^(x)([a-z]{2,6})$/];
/** A zip in pieces: disk.z01, disk.z02, and disk.zip is the last of them. */
const ZIP = /^(.*\.)(?:z\d\d\d?|zip)$/i;

/** So named that it is a piece even where the first is not there. */
const TOLD = /(\.0\d\d+|part[-_.]?\d+|\.z\d\d\d?|\.zip)$/i;

/** More than anybody's tool made of one file, and more than lack of them at one place. */
const MAX_PIECES = 4096;
const MAX_MISSING = 64;

/** Whether it is worth to look what else is there: folders have many files, names of pieces are few. */
export const mayBePiece = (name: string, isThere: (name: string) => boolean): boolean =>
  ZIP.test(name) || DIGITS.test(name) || numberingOf(name, { has: isThere }) !== undefined;

/** Undefined where `name` is none of a piece, or nothing beside it and nothing about it says that it is one. */
export function seriesOf(name: string, beside: readonly string[]): Series | undefined {
  const there = new Set(beside);
  const numbering = numberingOf(name, there);
  if (numbering === undefined) return undefined;
  const { stem, firsts, after, last } = numbering;
  const first = firsts.find((suffix) => there.has(stem + suffix)) ?? firsts.at(-1) ?? '';
  if (!there.has(stem + first) && !TOLD.test(name)) return undefined;
  // Those that may belong to it, of which each is come to in its turn.
  const rest = new Set(
    [...there].filter((other) => other.startsWith(stem) && sameKind(other.slice(stem.length), first)),
  );
  const names: string[] = [];
  let suffix = first;
  let missing: string[] = [];
  let next: string | undefined;
  while (names.length < MAX_PIECES && missing.length < MAX_MISSING) {
    const file = stem + suffix;
    if (rest.delete(file)) {
      names.push(...missing, file);
      missing = [];
      next = undefined;
    } else {
      next ??= file;
      if (rest.size === 0) break;
      missing.push(file);
    }
    const following = after(suffix);
    suffix = following.find((one) => there.has(stem + one)) ?? following[0] ?? '';
    if (suffix === '') break;
  }
  if (last !== undefined) {
    if (there.has(last)) next = undefined;
    names.push(last);
  }
  // One that is not come to is of no series that begins there.
  return names.includes(name) ? { names, present: there, next } : undefined;
}

const sameKind = (suffix: string, first: string): boolean =>
  (/^\d/.test(first) ? /^\d{1,6}$/ : /^[a-z]\d/i.test(first) ? /^z\d{2,3}$/i : /^[a-z]{2,6}$/).test(suffix) &&
  suffix.length >= first.length;

function numberingOf(name: string, there: Pick<ReadonlySet<string>, 'has'>): Numbering | undefined {
  const [, zipStem] = ZIP.exec(name) ?? [];
  if (zipStem !== undefined) {
    const letter = there.has(`${zipStem}Z01`) ? 'Z' : 'z';
    const last = `${zipStem}${letter === 'Z' ? 'ZIP' : 'zip'}`;
    const firsts = [`${letter}001`, `${letter}01`];
    return { stem: zipStem, firsts, last, after: (suffix) => [letter + incremented(suffix.slice(1), '9', '0')] };
  }
  const [, digitsStem, digits] = DIGITS.exec(name) ?? [];
  if (digitsStem !== undefined && digits !== undefined) {
    const width = /^0/.test(digits) ? digits.length : widthOf(digitsStem, digits.length, there);
    const firsts = [0, 1].map((number) => `${number}`.padStart(width, '0'));
    return { stem: digitsStem, firsts, after: (suffix) => following(suffix, '9', '0') };
  }
  for (const pattern of LETTERS) {
    const [, stem, letters] = pattern.exec(name) ?? [];
    if (stem === undefined || letters === undefined) continue;
    const firsts = Array.from({ length: letters.length - 1 }, (_, i) => 'a'.repeat(letters.length - i));
    // Any ending of a name is letters: only what has its first piece beside it is one.
    const first = firsts.find((suffix) => there.has(stem + suffix));
    if (first !== undefined) return { stem, firsts: [first], after: (suffix) => following(suffix, 'z', 'a') };
  }
  return undefined;
}

/** With all that were before the last of a zip, whose end tells how many: `count`. */
export function ofZip(series: Series, last: string, count: number): Series {
  const [stem, letter] = [last.slice(0, -3), last.endsWith('ZIP') ? 'Z' : 'z'];
  const named = Array.from({ length: Math.min(count, MAX_PIECES) }, (_, i) => {
    const [two, three] = [2, 3].map((width) => `${stem}${letter}${`${i + 1}`.padStart(width, '0')}`) as [
      string,
      string,
    ];
    return series.present.has(three) ? three : two;
  });
  return { ...series, names: [...named, last] };
}

/** How many digits the first has: as many as this one, or fewer where they are not filled up (9, 10). */
function widthOf(stem: string, digits: number, there: Pick<ReadonlySet<string>, 'has'>): number {
  for (let width = digits; width > 0; width -= 1) {
    if ([0, 1].some((number) => there.has(stem + `${number}`.padStart(width, '0')))) return width;
  }
  return digits;
}

/** The next of the same length; else, as GNU's `split` goes on where all are used up: 89, 9000; yz, zaaa. */
function following(suffix: string, top: string, zero: string): readonly string[] {
  const next = incremented(suffix, top, zero);
  let tops = 0;
  while (next[tops] === top) tops += 1;
  return tops === 0 ? [next] : [next, top.repeat(tops) + zero.repeat(suffix.length - tops + 2)];
}

/** After the last of a length one more digit: 9, 10; letters end there. */
function incremented(suffix: string, top: string, zero: string): string {
  const kept = suffix.replace(new RegExp(`${top}*$`), '');
  const turned = zero.repeat(suffix.length - kept.length);
  if (kept === '') return top === '9' ? `1${turned}` : '';
  return kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1) + turned;
}
