/** A tree on its way into a new image: nobody has read it there yet. */

import type { Attributes, Entry } from './entry.ts';

/** The time of a file's last change is that of its last use, too. `notAfterNs`: nothing is newer, in nanoseconds since 1970. */
export async function* settled(
  tree: AsyncIterable<Entry>,
  { notAfterNs }: { readonly notAfterNs?: bigint | undefined } = {},
): AsyncGenerator<Entry> {
  for await (const entry of tree) yield { ...entry, attributes: settledTimes(entry.attributes, notAfterNs) };
}

function settledTimes(attributes: Attributes, notAfterNs: bigint | undefined): Attributes {
  const { mtimeNs } = attributes;
  if (mtimeNs === undefined) return attributes;
  const settledNs = notAfterNs !== undefined && mtimeNs > notAfterNs ? notAfterNs : mtimeNs;
  return { ...attributes, mtimeNs: settledNs, atimeNs: settledNs };
}
