/** Checks and repairs a file system by its own program, or where there is none by reading all of it. */

import { HostError } from '../../errors/host-error.ts';
import type { Streams, Workshop } from '../workshop.ts';
import { type CheckHow, checkedTypes, isCheckedByReading, toolsOf, typesThere, type Verdict } from './file-systems.ts';
import { heard } from './heard.ts';
import { readAll } from './read-all.ts';

/** What may help where it gave up. */
const MORE: Readonly<Record<CheckHow, string>> = {
  look: ' without a repair (--auto or --yes lets it repair)',
  safe: ' with safe repairs alone (--yes lets it repair all)',
  all: '',
};

/**
 * Whether a repair would find nothing to do, by a look, which changes nothing; what the program says then is on `streams`. To be asked
 * where a repair that only writes down its date is none: of `how`.
 */
export async function needsNoRepair(
  workshop: Workshop,
  disk: string,
  type: string,
  how: CheckHow,
  streams: Streams,
): Promise<boolean> {
  const check = toolsOf(workshop, type)?.check;
  if (!check || (how === 'safe' && check.nothingSafe !== undefined)) return false;
  const said: [to: keyof Streams & ('stdout' | 'stderr'), piece: Uint8Array][] = [];
  const hear = (to: 'stdout' | 'stderr') => (piece: Uint8Array) => void said.push([to, piece.slice()]);
  const { exitCode } = await workshop.run(check.command(disk, 'look'), {
    stdout: hear('stdout'),
    stderr: hear('stderr'),
  });
  const text = said.map(([, piece]) => new TextDecoder().decode(piece)).join('');
  if (exitCode === undefined || check.verdict(exitCode) !== 'clean') return false;
  if (check.leftAlone?.test(text) || check.left?.test(text)) return false;
  for (const [to, piece] of said) await streams[to]?.(piece);
  return true;
}

export interface CheckOptions {
  /**
   * Mounts and unmounts the disk, where nothing that is written to it is kept: a look at what has a journal that is not replayed yet
   * then is one at what every mount will show. Default: such a journal is left alone.
   */
  readonly replay?: () => Promise<void>;
}

const REPLAYED =
  'its journal is not replayed yet: this is the file system as it is once that is done, by a mount or by a repair\n';

/** `disk`: /dev/vda1. Rejects with `tool-failed` when nothing was found out, `unknown-file-system` for a type that has no such program. */
export async function checkFileSystem(
  workshop: Workshop,
  disk: string,
  type: string,
  how: CheckHow,
  streams: Streams,
  { replay }: CheckOptions = {},
): Promise<Verdict> {
  if (isCheckedByReading(type)) return readAll(workshop, disk, type, streams);
  const check = toolsOf(workshop, type)?.check;
  if (!check)
    throw new HostError(
      'unknown-file-system',
      `nothing here checks ${type}: ${typesThere(workshop, checkedTypes)} can be`,
    );
  const { revive, nothingSafe } = check;
  if (how === 'safe' && nothingSafe !== undefined) {
    const words = `${nothingSafe}: there is nothing to be done unasked (fsck.${type}(8)), and nothing was checked\n`;
    await streams.stdout?.(new TextEncoder().encode(words));
    return 'unchecked';
  }
  const isRevived =
    how === 'all' && revive && (await workshop.run(revive.command(disk), streams)).exitCode === revive.did;
  const argv = check.command(disk, how);
  const said = how === 'look' ? heard(streams, check.leftAlone && replay ? check.leftAlone : undefined) : undefined;
  const { exitCode, signal } = await workshop.run(argv, said?.streams ?? streams);
  if (said?.isHeld() && replay) {
    const isReplayed = await replay().then(
      () => true,
      () => false,
    );
    if (isReplayed) {
      await streams.stdout?.(new TextEncoder().encode(REPLAYED));
      return checkFileSystem(workshop, disk, type, how, streams);
    }
  }
  await said?.end();
  const told = exitCode === undefined ? undefined : check.verdict(exitCode);
  const found = told === 'clean' && said && check.left?.test(said.text()) ? 'damaged' : told;
  if (found === undefined) {
    const end = signal === undefined ? `ended with ${exitCode}` : `was ended by signal ${signal}`;
    throw new HostError('tool-failed', `${argv[0]} ${end}: it could not do its work${MORE[how]}`);
  }
  if (isRevived && found === 'clean') return 'mended';
  if (how === 'look' || found !== 'damaged') return found;
  // Some say only that there were errors: whether any are left is seen by looking again.
  const again = await workshop.run(check.command(disk, 'look'));
  return again.exitCode !== undefined && check.verdict(again.exitCode) === 'clean' ? 'mended' : 'damaged';
}
