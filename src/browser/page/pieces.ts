/** Files that were dropped or chosen together: the pieces of one image, as tools name them. */

import { seriesOf } from '../../storage/sources/series.ts';

export interface Chosen {
  readonly name: string;
  readonly content: Blob;
}

/** One file as it is, pieces as what they are of, called like the first. Throws with the reason where they are no whole. */
export function asOne(files: readonly File[]): Chosen {
  const [one, ...others] = files;
  if (one === undefined) throw new Error('no file was chosen');
  if (others.length === 0) return { name: one.name, content: one };
  const byName = new Map(files.map((file) => [file.name, file]));
  const series = seriesOf(one.name, [...byName.keys()]);
  if (series === undefined || files.some(({ name }) => !series.names.includes(name)))
    throw new Error(
      `These ${files.length} files are not the pieces of one (NAME.001, NAME.002 …): an image is looked at alone.`,
    );
  const pieces = series.names.map((name) => {
    const file = byName.get(name);
    if (file === undefined) throw new Error(`${name} is missing: it belongs to the pieces that were chosen.`);
    return file;
  });
  // All but the last are of one size: that a piece is cut short would put what follows at other places.
  const [first, cut] = [pieces[0], pieces.slice(0, -1).find(({ size }) => size !== pieces[0]?.size)];
  if (first && cut)
    throw new Error(
      `${cut.name} has ${cut.size.toLocaleString('en')} bytes, ${first.name} ${first.size.toLocaleString('en')}: one of them is not whole.`,
    );
  return { name: first?.name ?? one.name, content: new Blob(pieces) };
}
