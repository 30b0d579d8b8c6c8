/** Writes an image's tree as a tar, holes, links and attributes included: `node tar.ts disk.img disk.tar`. */

import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { openImage } from 'lkl-linux';

const [path = 'disk.img', target = 'disk.tar'] = process.argv.slice(2);
await using image = await openImage(path);
const tar = image.tar({ onError: 'continue' });
await pipeline(tar, createWriteStream(target));
const { entries, bytes, errors } = await tar.report;
console.log(`${entries} entries, ${bytes} bytes`);
for (const { path, errno } of errors) console.error(`missing: ${path}: ${errno}`);
