/** Lists images in a virtual machine that make.sh made: the judge is the Linux in it. */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Listed, parseListing } from './listing.ts';

export interface Job {
  /** Of its file in `share`/in. */
  readonly name: string;
  readonly type: string;
  readonly options: string;
  readonly offset?: number;
}

/** An empty folder for images. */
export function newShare(share: string): string {
  rmSync(share, { recursive: true, force: true });
  mkdirSync(join(share, 'in'), { recursive: true });
  mkdirSync(join(share, 'out'));
  return join(share, 'in');
}

/** What Linux says of each; absent: the machine ended before it, which is said in `died`. */
export async function listed(
  vm: string,
  share: string,
  jobs: readonly Job[],
): Promise<{ readonly listings: ReadonlyMap<string, Listed>; readonly died: readonly string[] }> {
  const listings = new Map<string, Listed>();
  const died: string[] = [];
  for (let left = [...jobs]; left.length > 0; ) {
    const lines = left.map(({ name, type, options, offset = 0 }) => `${name} ${type} ${offset} ${options || '-'}\n`);
    writeFileSync(join(share, 'jobs'), lines.join(''));
    writeFileSync(join(share, 'modules'), [...new Set(left.map(({ type }) => type))].join('\n'));
    const done = await boot(vm, share);
    for (const name of done) listings.set(name, parseListing(readFileSync(join(share, 'out', name), 'latin1')));
    left = left.filter(({ name }) => !done.has(name));
    // The one that it died of: the next machine goes on behind it.
    const culprit = left.shift();
    if (culprit) died.push(culprit.name);
  }
  return { listings, died };
}

/** Without a word for so long, it hangs. */
const PATIENCE_MS = 120_000;

function boot(vm: string, share: string): Promise<Set<string>> {
  const done = new Set<string>();
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1536', '-nographic', '-no-reboot', '-net', 'none'],
      ...['-kernel', join(vm, 'vmlinuz'), '-initrd', join(vm, 'initrd.gz')],
      ...['-append', 'console=ttyS0 quiet loglevel=1 panic=-1 oops=panic mitigations=off'],
      ...['-virtfs', `local,path=${share},mount_tag=host,security_model=none`],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return new Promise((resolve) => {
    const stop = () => machine.kill('SIGKILL');
    let patience = setTimeout(stop, PATIENCE_MS);
    let rest = '';
    machine.stdout.on('data', (chunk: Buffer) => {
      clearTimeout(patience);
      patience = setTimeout(stop, PATIENCE_MS);
      const lines = (rest + chunk.toString('latin1')).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, name] = /done ([\w.-]+\.img)$/.exec(line) ?? [];
        if (name) done.add(name);
      }
    });
    machine.on('exit', () => {
      clearTimeout(patience);
      resolve(done);
    });
  });
}
