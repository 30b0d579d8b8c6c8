/** Makes the kernel that the configuration says, runs the program on it, and ends as the program did. */

import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KernelDead } from '../../src/kernel/errors.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { seededHost } from '../../src/kernel/snapshot/seed.ts';
import { capture } from '../../src/node/hijack/capture.ts';
import {
  type Configured,
  configure,
  memoryOf,
  readConfiguration,
  setDate,
} from '../../src/node/hijack/config/configure.ts';
import { CONFIG_FILE, withEnvironment } from '../../src/node/hijack/config/environment.ts';
import { type HijackedProgram, hijack } from '../../src/node/hijack/hijack.ts';
import { findProgram, HijackError, obstacle } from '../../src/node/hijack/host/launch.ts';
import type { HijackedKernel } from '../../src/node/hijack/program/kernel.ts';
import { type Published, publish } from '../../src/node/hijack/published/published.ts';
import { type Publication, parsePublication } from '../../src/node/hijack/published/words.ts';
import { strace } from '../../src/node/hijack/strace.ts';
import { nodeHost } from '../../src/node/host.ts';
import type { Hijack } from '../../src/simulation/hijack/hijack.ts';
import { dumpFiles } from '../../src/simulation/hijack/hijack-run.ts';
import { openEngine } from '../engine.ts';
import { Failure, printable, reasonOf } from '../failure.ts';
import { readJson } from '../input/read-json.ts';
import { endings, onSignals } from '../signals.ts';
import { openRoot, type Root } from './root.ts';
import { openSession } from './session.ts';
import { withUserNet } from './user-net.ts';

export interface HijackOptions {
  readonly config?: string;
  readonly strace?: string | true;
  readonly pcap?: string;
  readonly publish?: readonly string[];
  readonly root?: string;
  readonly rootOptions?: string;
  readonly clock: 'wall' | 'virtual';
  readonly seed?: string;
  readonly memory?: number;
  readonly session?: URL;
  readonly all?: boolean;
  /** The words of an interface that reaches the world. */
  readonly net?: string;
}

const MEMORY_MIB = 112;
const SMALLEST_MIB = 16;
const STDERR = 2;
const DEFAULT_FILE = 'lkl-hijack.json';

const say = (text: string): void => void writeSync(STDERR, `lkl: ${printable(text)}\n`);

/** Answers the program's exit code. */
export async function runHijacked(program: string, args: readonly string[], options: HijackOptions): Promise<number> {
  try {
    const why = obstacle();
    if (why !== undefined) throw new HijackError(why);
    if (options.root === undefined) findProgram(program);
    const publications = (options.publish ?? []).map(parsePublication);
    if (options.session) mustFitSession(options);
    const configuration = options.session ? undefined : readConfiguration(await configurationOf(options));
    const root = options.root === undefined ? undefined : await openRoot(options.root, options.rootOptions);
    try {
      if (!configuration) return await onSession(program, args, options, root);
      return await onKernel(program, args, { configuration, options, publications, root });
    } finally {
      await root?.close();
    }
  } catch (cause) {
    throw cause instanceof HijackError ? new Failure('failed', cause.message) : cause;
  }
}

/** The environment's, and over it a file's: the one that is named, or lkl-hijack.json if it can be read. */
async function configurationOf({ config, net }: HijackOptions): Promise<unknown> {
  const file = config ?? (process.env[CONFIG_FILE] || (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined));
  const given = withEnvironment(process.env, file === undefined ? undefined : await readJson(file));
  return net === undefined ? given : withUserNet(given, net);
}

/** What a session has is said when it is made. */
function mustFitSession({ config, net, pcap, publish, clock, seed, memory, all }: HijackOptions): void {
  const mine = { config, net, pcap, publish, seed, memory, all, clock: clock === 'wall' ? undefined : clock };
  const [wrong] = Object.entries(mine).find(([, value]) => value !== undefined) ?? [];
  if (wrong !== undefined)
    throw new Failure('usage', `--${wrong} is of a kernel here: that of a session is as it was made`);
}

async function onSession(
  program: string,
  args: readonly string[],
  options: HijackOptions,
  root: Root | undefined,
): Promise<number> {
  const files = new Files();
  const kernel = await openSession(options.session as URL);
  try {
    return await played(kernel, program, args, { configured: { mounts: [], resolves: false }, options, files, root });
  } finally {
    await kernel.close();
    files.close();
  }
}

interface Asked {
  readonly configuration: Hijack;
  readonly options: HijackOptions;
  readonly publications: readonly Publication[];
  readonly root: Root | undefined;
}

async function onKernel(
  program: string,
  args: readonly string[],
  { configuration, options, publications, root }: Asked,
): Promise<number> {
  const memoryMib = Math.max(
    SMALLEST_MIB,
    options.memory ?? Math.min(MEMORY_MIB, memoryOf(configuration) ?? MEMORY_MIB),
  );
  const files = new Files();
  const { kernels } = await openEngine(memoryMib);
  const host = options.seed === undefined ? nodeHost : seededHost(nodeHost, options.seed);
  const kernel = await kernels.acquire({ host, clock: options.clock, memoryMib });
  let published: Published | undefined;
  try {
    const configured = await configure(kernel, configuration, memoryMib);
    for (const warning of configured.warnings) say(warning);
    if (options.pcap !== undefined) {
      const file = files.open(options.pcap);
      await capture(
        kernel,
        () => host.realtimeNs(),
        (bytes) => void writeSync(file, bytes),
      );
    }
    if (options.seed === undefined && options.clock === 'wall') await setDate(kernel);
    published = await publish(kernel, publications);
    for (const [i, { port }] of publications.entries()) if (port === 0) say(`published at ${published.at[i]}`);
    if (configured.delayUs > 0) await delay(configured.delayUs / 1e3);
    const exitCode = await played(kernel, program, args, { configured, options, files, root });
    await dump(kernel, configuration);
    return exitCode;
  } finally {
    if (configuration.debug) process.stderr.write(printable(kernel.console));
    published?.close();
    kernel.kill();
    files.close();
  }
}

/** Files that are written to until the end. */
class Files {
  readonly #open: number[] = [];

  open(path: string): number {
    try {
      const file = openSync(path, 'w');
      this.#open.push(file);
      return file;
    } catch (cause) {
      throw new Failure('failed', `${path} cannot be written: ${reasonOf(cause)}`);
    }
  }

  close(): void {
    for (const file of this.#open) closeSync(file);
  }
}

interface Play {
  readonly configured: Pick<Configured, 'mounts' | 'resolves'>;
  readonly options: HijackOptions;
  readonly files: Files;
  readonly root: Root | undefined;
}

async function played(
  kernel: HijackedKernel,
  program: string,
  args: readonly string[],
  { configured, options, files, root }: Play,
): Promise<number> {
  const traceTo = typeof options.strace === 'string' ? files.open(options.strace) : STDERR;
  const running = await hijack(kernel, program, args, {
    ...configured,
    root: root?.directory,
    keepsTime: options.clock === 'virtual',
    all: options.all ?? false,
    isOpen: (options.publish ?? []).length > 0,
    say,
    ...(options.strace !== undefined && { watch: strace((line) => void writeSync(traceTo, printable(line))) }),
    left: () => say(`${program} has ended; what it started goes on`),
  });
  passSignals(running);
  try {
    return (await running.ended).exitCode;
  } catch (cause) {
    if (!(cause instanceof KernelDead)) throw cause;
    throw new Failure('failed', `the kernel below ${program} has ended: ${cause.message}`, cause.console);
  }
}

/** What a terminal sends goes to the program too, without this; what is sent to this alone goes on to it. */
function passSignals(running: HijackedProgram): void {
  let asked = 0;
  onSignals([...endings, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'], (signal) => {
    asked++;
    // One who insists means it.
    running.kill(asked > MOST_ASKED ? 'SIGKILL' : signal);
  });
  // Orphans have this process as their parent, and some tell their parent something: nobody is to end of that.
  for (const signal of ['SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR'] as const) process.on(signal, () => {});
}
const MOST_ASKED = 3;

/** As LKL shows them at the end. */
async function dump(kernel: Kernel, configuration: Hijack): Promise<void> {
  if (kernel.dead) return;
  const { dump: files } = await dumpFiles(kernel.init, configuration);
  for (const [path, text] of Object.entries(files))
    process.stdout.write(`Reading from ${path}:\n==========\n${text}\n`);
}
