/** What is on an image, whatever wraps it: `node info.ts disk.qcow2`. */

import { openImage } from 'lkl-linux';

const [path = 'disk.img', partition] = process.argv.slice(2);
await using image = await openImage(path, { partition });
const { sizeBytes, partitionTable, partitions, fileSystem, layers } = await image.info();
console.log(
  `${sizeBytes} bytes, ${layers.map(({ format }) => format).join(' in ') || 'raw'}, ${partitionTable ?? 'no'} table`,
);
if (fileSystem) console.log(`the whole image: ${fileSystem.type} ${fileSystem.label ?? ''}`);
for (const { number, sizeBytes: bytes, label, fileSystem: found } of partitions) {
  console.log(`${number}: ${bytes} bytes, ${label ?? ''} ${found?.type ?? 'nothing that Linux mounts'}`);
}
