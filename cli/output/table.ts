/** Tables of text: columns as wide as they need to be, numbers to the right. */

export interface TableColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Lines, however many; the last column is not filled up. Columns in which no row has anything are left out. */
export function* textLines(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): Generator<string, void, void> {
  const shown = columns
    .map((column, index) => ({ ...column, index }))
    .filter(({ index }) => rows.some((row) => row[index] !== ''));
  const titles = shown.map(({ title }) => title);
  const widths = shown.map(({ title, index }) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[index] ?? '')), widthOf(title)),
  );
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((text, column) => {
        const fill = ' '.repeat((widths[column] ?? 0) - widthOf(text));
        return shown[column]?.right ? fill + text : text + fill;
      })
      .join('  ')
      .trimEnd();
  yield lineOf(titles);
  for (const row of rows) yield lineOf(shown.map(({ index }) => row[index] ?? ''));
}

/** The same as one text. */
export const textTable = (columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string =>
  [...textLines(columns, rows)].join('\n');

const segmenter = new Intl.Segmenter();

/** Columns on a terminal, near enough: characters as people count them. */
const widthOf = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text) ? text.length : [...segmenter.segment(text)].length;
