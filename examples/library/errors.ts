/** What goes wrong is told as node:fs tells it, or by a code of its own: `node errors.ts disk.img`. */

import { LinuxException, openImage } from 'lkl-linux';

const [path = 'disk.img'] = process.argv.slice(2);
await using image = await openImage(path);
try {
  await image.readFile('/no/such/file');
} catch (error) {
  if (!(error instanceof LinuxException)) throw error;
  console.log(error.message); // ENOENT: no such file or directory, open '/no/such/file'
  console.log(error.code, error.errno, error.syscall, error.path);
}
try {
  await openImage(new Uint8Array(1 << 20));
} catch (error) {
  if (!(error instanceof LinuxException)) throw error;
  console.log(error.code, error.message); // ERR_NO_FILE_SYSTEM no file system was found
}
