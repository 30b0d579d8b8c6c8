/** Paths that are bytes: names parted by slashes. */

export const SLASH = 0x2f;

/** `directory/name`; in the directory that has no name it is the name alone. */
export function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  if (directory.length === 0) return name;
  const path = new Uint8Array(directory.length + 1 + name.length);
  path.set(directory);
  path[directory.length] = SLASH;
  path.set(name, directory.length + 1);
  return path;
}
