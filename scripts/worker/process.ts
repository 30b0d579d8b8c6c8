/** What a process that this one started holds, as Linux tells it. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Holdings {
  readonly rssMib: number;
  readonly mappings: number;
  readonly files: number;
}

/** Its process id, by the end of its program's path. */
export function childNamed(name: string): string {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      if (parent === String(process.pid) && readlinkSync(`/proc/${pid}/exe`).endsWith(name)) return pid;
    } catch {
      // it ended meanwhile
    }
  }
  throw new Error(`no ${name} runs`);
}

export function holdingsOf(pid: string): Holdings {
  const rss = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    rssMib: Math.round(Number(rss) / 1024),
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n').length,
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}
