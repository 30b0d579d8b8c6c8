/** Changes an image where it lies, as node:fs/promises changes a folder: `node write.ts disk.img [partition]`. */

import { openImage } from 'lkl-linux';

const [path = 'disk.img', partition] = process.argv.slice(2);
{
  await using image = await openImage(path, { partition, writable: true });
  await image.mkdir('/srv/example', { recursive: true });
  await image.writeFile('/srv/example/motd', 'Welcome.\n', { mode: 0o640 });
  await image.appendFile('/srv/example/motd', 'Back soon.\n');
  await image.chown('/srv/example/motd', 1000, 1000);
  await image.setxattr('/srv/example/motd', 'user.language', 'en');
  const date = new Date('2026-01-01');
  await image.utimes('/srv/example/motd', date, date);

  const handle = await image.open('/srv/example/log', 'w');
  await handle.write('begun\n');
  await handle.sync(); // on the disk, whatever happens from now on
  await handle.close();

  await image.rename('/srv/example/log', '/srv/example/log.1');
  await image.symlink('log.1', '/srv/example/log');
} // unmounted here: the journal is empty, everything is on the disk

await using image = await openImage(path, { partition });
const { mode, mtime } = await image.stat('/srv/example/motd');
const text = await image.readFile('/srv/example/motd', 'utf8');
console.log('motd: %o %s %s', text, (mode & 0o777).toString(8), mtime.toISOString());
console.log((await image.readdir('/srv/example')).join(' '));
