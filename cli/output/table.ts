/** Tables of text: columns as wide as they need to be, numbers to the right. */

export interface TableColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Lines; the last column is not filled up. Columns in which no row has anything are left out. */
export function textTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const shown = columns
    .map((column, index) => ({ ...column, index }))
    .filter(({ index }) => rows.some((row) => row[index] !== ''));
  const lines = [shown.map(({ title }) => title), ...rows.map((row) => shown.map(({ index }) => row[index] ?? ''))];
  const widths = shown.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
  return lines
    .map((line) =>
      line
        .map((text, column) => {
          const fill = ' '.repeat((widths[column] ?? 0) - widthOf(text));
          return shown[column]?.right ? fill + text : text + fill;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const segmenter = new Intl.Segmenter();

/** Columns on a terminal, near enough: characters as people count them. */
const widthOf = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text) ? text.length : [...segmenter.segment(text)].length;
