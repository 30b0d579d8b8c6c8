/** Reads an image as node:fs/promises reads a folder: `node read.ts disk.img [partition]`. */

import { openImage } from 'lkl-linux';

const [path = 'disk.img', partition] = process.argv.slice(2);
await using image = await openImage(path, { partition });
console.log(`${path}: ${image.type}`);

for (const entry of await image.readdir('/', { withFileTypes: true })) {
  const { size, mtime } = await image.lstat(`/${entry.name}`);
  console.log(entry.isDirectory() ? 'd' : '-', String(size).padStart(10), mtime.toISOString(), entry.name);
}

// Many calls at once are fine.
const everything = await image.readdir('/', { recursive: true, withFileTypes: true, encoding: 'buffer' });
const files = everything.filter((entry) => entry.isFile());
const sizes = await Promise.all(
  files.map(
    async ({ parentPath, name }) => (await image.readFile(Buffer.concat([parentPath, Buffer.from('/'), name]))).length,
  ),
);
console.log(`${files.length} files, ${sizes.reduce((sum, size) => sum + size, 0)} bytes`);
