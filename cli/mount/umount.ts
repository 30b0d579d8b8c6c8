/** Unmounts, and waits until whoever served the mount has written everything and let go of the image. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MountError, unmountFuse } from '../../src/node/fuse/mount.ts';
import { Failure } from '../failure.ts';

const LOOK_MS = 20;

export async function umount(directory: string, { lazy = false }: { readonly lazy?: boolean }): Promise<void> {
  const place = mountPoint(directory);
  const source = sourceOf(place);
  if (source === undefined) throw new Failure('usage', `${directory}: nothing of lkl mount is mounted there`);
  const lock = `${source}.lock`;
  const before = contentOf(lock);
  try {
    if ((await unmountFuse(place, { lazy })) === 'busy') throw new Failure('failed', `${directory} is in use`);
  } catch (cause) {
    throw cause instanceof MountError ? new Failure('failed', cause.message) : cause;
  }
  if (lazy || before === undefined) return;
  while (contentOf(lock) === before && isAlive(before)) await delay(LOOK_MS);
}

/** Also of a mount whose server has died, which cannot be looked at. */
function mountPoint(directory: string): string {
  try {
    return realpathSync(directory);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && /^E(NOTCONN|CONNABORTED)$/.test(`${cause.code}`))
      return resolve(directory);
    throw cause;
  }
}

/** As proc(5) has it: octal for what would part the fields. */
const plain = (text: string): string =>
  Buffer.from(
    text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    'latin1',
  ).toString();

/** The image that is mounted there, the last one if there are several. */
function sourceOf(directory: string): string | undefined {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const mounts = lines.flatMap((line) => {
    const [, , , , place = '', , ...rest] = line.split(' ');
    const [type, source = ''] = rest.slice(rest.indexOf('-') + 1);
    return type === 'fuse.lkl' && plain(place) === directory ? [plain(source)] : [];
  });
  return mounts.at(-1);
}

const contentOf = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

function isAlive(lock: string): boolean {
  const pid = Number(/"pid":(\d+)/.exec(lock)?.[1]);
  return Number.isInteger(pid) && existsSync(`/proc/${pid}`);
}
