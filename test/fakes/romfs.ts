/** Makes romfs images (Documentation/filesystems/romfs.rst): the simplest file system Linux mounts, for trees of any shape. */

export type RomfsNode =
  | Uint8Array
  | { readonly symlink: string }
  | { readonly device: 'char' | 'block'; readonly major: number; readonly minor: number }
  | 'fifo'
  | 'socket'
  | RomfsTree;

/** Names are text, or bytes that need not be UTF-8. */
export type RomfsTree = readonly (readonly [name: string | Uint8Array, node: RomfsNode])[];

const HEADER_BYTES = 16;
/** 8 is the execute bit. */
const types = { directory: 1 | 8, file: 2, symlink: 3, block: 4, char: 5, socket: 6, fifo: 7 } as const;

const encoder = new TextEncoder();
const padded = (bytes: number): number => Math.ceil(bytes / 16) * 16;

class Writer {
  bytes = new Uint8Array(4096);
  used = 0;

  append(bytes: Uint8Array): void {
    const end = padded(this.used + bytes.length);
    while (end > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(bytes, this.used);
    this.used = end;
  }

  set(at: number, word: number): void {
    new DataView(this.bytes.buffer).setUint32(at, word);
  }

  /** A file header; answers where it is. */
  header(name: string | Uint8Array, type: number, info: number, size: number): number {
    const at = this.used;
    const bytes = typeof name === 'string' ? encoder.encode(name) : name;
    const header = new Uint8Array(HEADER_BYTES + bytes.length + 1);
    header.set(bytes, HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, type);
    new DataView(header.buffer).setUint32(4, info);
    new DataView(header.buffer).setUint32(8, size);
    this.append(header);
    return at;
  }

  /** The low four bits of a header's first word are its type; the rest is where the next of its directory is. */
  directory(at: number, tree: RomfsTree): void {
    let link = at + 4;
    for (const [name, node] of tree) {
      const child = this.node(name, node);
      this.set(link, child | (link === at + 4 ? 0 : (this.bytes[link + 3] ?? 0)));
      link = child;
    }
  }

  node(name: string | Uint8Array, node: RomfsNode): number {
    if (node === 'fifo' || node === 'socket') return this.header(name, types[node], 0, 0);
    if (node instanceof Uint8Array) return this.data(name, types.file, node);
    if ('symlink' in node) return this.data(name, types.symlink, encoder.encode(node.symlink));
    if ('device' in node) return this.header(name, types[node.device], (node.major << 16) | node.minor, 0);
    const at = this.header(name, types.directory, 0, 0);
    this.directory(at, node);
    return at;
  }

  data(name: string | Uint8Array, type: number, data: Uint8Array): number {
    const at = this.header(name, type, 0, data.length);
    this.append(data);
    return at;
  }
}

export function romfs(tree: RomfsTree, label = 'test'): Uint8Array {
  const writer = new Writer();
  const start = new Uint8Array(HEADER_BYTES + label.length + 1);
  start.set(encoder.encode('-rom1fs-'));
  start.set(encoder.encode(label), HEADER_BYTES);
  writer.append(start);
  writer.node('.', tree);
  writer.set(8, writer.used);
  // The first 512 bytes are words whose sum is zero.
  const words = new DataView(writer.bytes.buffer);
  let sum = 0;
  for (let at = 0; at < Math.min(512, writer.used); at += 4) sum = (sum + words.getUint32(at)) >>> 0;
  writer.set(12, -sum >>> 0);
  const sectors = Math.ceil(writer.used / 1024) * 1024; // Linux reads it in blocks of 1 KiB
  const image = new Uint8Array(sectors);
  image.set(writer.bytes.subarray(0, writer.used));
  return image;
}
