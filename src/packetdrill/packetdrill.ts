/** Scripts of the packetdrill language, each on a kernel of its own for each version of IP, under virtual time. */

import { programEnd } from '../batch/program-end.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelDead } from '../kernel/errors.ts';
import type { Host } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { seededHost } from '../kernel/snapshot/seed.ts';
import { parseScript } from './language/parse.ts';
import { ScriptError } from './language/script-error.ts';
import { callOf } from './run/calls/table.ts';
import { play } from './run/run.ts';
import { type IpVersion, ipVersions, settingsOf } from './run/settings.ts';
import type { FileText } from './shell/shell.ts';

export { type IpVersion, ipVersions };

export interface PacketdrillRequest {
  /** Names the script in what is said of it. */
  readonly name: string;
  readonly script: string;
  readonly ipVersions: readonly IpVersion[];
  /** Words that mean something else in the script, as -D of packetdrill. */
  readonly defines: Readonly<Record<string, string>>;
  /** packetdrill's own options; those of the script are below them. */
  readonly options: Readonly<Record<string, string>>;
  /** Files that the script's commands name. */
  readonly files: FileText;
  readonly seed: string;
  /** By the host's clock, for each version. */
  readonly deadlineMs: number;
}

export interface PacketdrillResult {
  readonly ipVersion: IpVersion;
  readonly passed: boolean;
  /** The script is not of the language: nothing was played, of other versions neither. */
  readonly unreadable?: true;
  /** As packetdrill says it: file, line, and what was wrong. */
  readonly error?: string;
  readonly line?: number;
  /** Time of the kernel. */
  readonly seconds?: number;
  /** What code in the script printed. */
  readonly printed: readonly string[];
}

export interface PacketdrillNeeds {
  newKernel(options: { readonly host: Host; readonly clock: 'virtual'; readonly memoryMib: number }): Promise<Kernel>;
  readonly host: Host;
}

export interface PacketdrillJobs {
  /** Rejects with `program-too-long` and the like where a script's kernel ends before the script. */
  run(request: PacketdrillRequest): Promise<PacketdrillResult[]>;
}

const MEMORY_MIB = 48;

export function packetdrillJobs(needs: PacketdrillNeeds): PacketdrillJobs {
  return {
    async run(request) {
      const results: PacketdrillResult[] = [];
      for (const version of request.ipVersions) {
        const result = await one(request, version, needs);
        results.push(result);
        if (result.unreadable) break;
      }
      return results;
    },
  };
}

async function one(
  request: PacketdrillRequest,
  ipVersion: IpVersion,
  { newKernel, host }: PacketdrillNeeds,
): Promise<PacketdrillResult> {
  const { files, seed, deadlineMs } = request;
  let wasRead = false;
  const printed: string[] = [];
  try {
    const { parsed, settings } = await read(request, ipVersion, host);
    wasRead = true;
    const kernel = await newKernel({ host: seededHost(host, seed), clock: 'virtual', memoryMib: MEMORY_MIB });
    const cancel = host.timer(deadlineMs, () => kernel.kill('deadline', `not done after ${deadlineMs} ms`));
    try {
      return {
        ipVersion,
        passed: true,
        ...(await play(kernel, parsed, settings, { files, print: (line) => printed.push(line) })),
        printed,
      };
    } finally {
      cancel();
      kernel.kill();
    }
  } catch (cause) {
    if (cause instanceof KernelDead) {
      // How a script may end its kernel is the script's, as with every program.
      throw new HostError(programEnd(cause), cause.message, { members: { console: cause.console }, cause });
    }
    if (!(cause instanceof ScriptError)) throw cause;
    const { line, column, message } = cause;
    const { name } = request;
    const error = [name, line, column]
      .filter((part) => part !== undefined)
      .join(':')
      .concat(`: ${message}`);
    const place = line === undefined ? {} : { line };
    return { ipVersion, passed: false, ...(!wasRead && { unreadable: true }), error, ...place, printed };
  }
}

/** Rejects with a `ScriptError` for what can be seen without a kernel. */
async function read(
  { script, defines, options }: PacketdrillRequest,
  ipVersion: IpVersion,
  { turn }: Pick<Host, 'turn'>,
) {
  const definitions = new Map(Object.entries(defines));
  // The words that the settings define are known to the script's packets, too.
  const known = settingsOf(ipVersion, new Map(), defines).defines;
  const meaning = (word: string, own: string | undefined) => definitions.get(word) ?? own ?? known.get(word);
  const parsed = await parseScript(script, meaning, turn);
  for (const { action, line } of parsed.events) if (action.kind === 'call') callOf(action.name, line);
  const settings = settingsOf(ipVersion, new Map([...parsed.options, ...Object.entries(options)]), {
    ...Object.fromEntries(parsed.defines),
    ...defines,
  });
  return { parsed, settings };
}
