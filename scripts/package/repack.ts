/**
 * `npm pack` runs this last: the tarball that it wrote is compressed once more, as well as deflate can, which takes a
 * twentieth off. It stays an ordinary .tgz. What npm tells of it (size, shasum) is of its own one.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import SevenZip from '7z-wasm';

/** Of the passes, 15 at most, later ones gain less and less: a thousandth each after these. */
const EFFORT = ['-mx=9', '-mfb=258', '-mpass=5'];
/** Neither this minute nor a name goes into the header. */
const PLAIN_HEADER = ['-mtm=off', '-si'];

// npm tells where and what; there is no file after a dry run.
const { npm_config_pack_destination: folder = '', npm_package_name = '', npm_package_version } = process.env;
const name = `${npm_package_name.replace('@', '').replace('/', '-')}-${npm_package_version}.tgz`;
const path = join(folder, name);
if (existsSync(path)) writeFileSync(path, await deflated(gunzipSync(readFileSync(path))));

async function deflated(tar: Uint8Array): Promise<Uint8Array> {
  let at = 0;
  const log: string[] = [];
  const sevenZip = await SevenZip({
    stdin: () => tar[at++] ?? null,
    print: (line) => void log.push(line),
    printErr: (line) => void log.push(line),
  });
  sevenZip.callMain(['a', '-tgzip', ...EFFORT, ...PLAIN_HEADER, 'out.tgz']);
  const packed = sevenZip.FS.readFile('out.tgz');
  if (!Buffer.from(tar).equals(gunzipSync(packed))) throw new Error(`7-Zip made another tar:\n${log.join('\n')}`);
  return packed;
}
