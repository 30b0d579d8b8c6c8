/** Paths of an image: names as bytes, from its root. */

export type Path = readonly Uint8Array[];

/** As the kernel takes it; the root is empty. */
export function pathBytes(path: Path): Uint8Array {
  const bytes: number[] = [];
  for (const [i, name] of path.entries()) {
    if (i > 0) bytes.push(0x2f);
    for (const byte of name) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
