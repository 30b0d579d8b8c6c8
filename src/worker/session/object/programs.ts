/** Programs in a session's kernel: one to its end, or in a terminal that lasts as long as somebody sits in front of it. */

import { SIGKILL } from '../../../abi/uapi/wait.ts';
import { Gathered } from '../../../bytes/gathered.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { type ProgramEnd, type ProgramRun, type RunningProgram, runProgram } from '../../../kernel/program/run/run.ts';
import type { Sink, Source } from '../../../kernel/program/run/stdio.ts';
import type { TerminalSize } from '../../../kernel/program/run/terminal.ts';
import { ENVIRONMENT, installTools } from '../../../tools/install-tools.ts';
import type { Toolbox } from '../../../tools/toolbox.ts';
import type { ProgramAnswer, ProgramCall } from '../rpc.ts';
import { end as endTask, errand, hurried } from './errand.ts';

/** What is typed into a terminal and shown on it. */
export interface TerminalRun {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly size: TerminalSize;
  readonly typed: Source;
  readonly shown: Sink;
  readonly started: (program: RunningProgram) => void;
}

/** A terminal's program has so long to begin. */
const BEGIN_MS = 10_000;
const MOST_TURNS = 100;
/** One that was killed is gone by then. */
const END_MS = 30_000;

/** Those that have the tools in /bin, and know where programs come from. */
const equipped = new WeakSet<Kernel>();

/** Afterwards programs can be executed in it. */
async function equip(kernel: Kernel, toolbox: Toolbox, host: Pick<Host, 'timer'>): Promise<void> {
  if (kernel.programs.memoryLimit === 0) {
    throw new HostError(
      'invalid-request',
      'the session was made without memory for programs: program_memory says how much',
    );
  }
  if (equipped.has(kernel)) return;
  const { programs } = kernel;
  await errand(kernel, host, (init) => installTools({ init, programs }, toolbox));
  equipped.add(kernel);
}

const pathOf = ([program = '']: readonly string[]): string => (program.includes('/') ? program : `/bin/${program}`);

/** A program is opened before it runs, and what opens it may wait for a program that never answers. */
class Beginning {
  readonly #kernel: Kernel;
  #pid: number | undefined;
  #ended = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  readonly begun = (pid: number): void => {
    this.#pid = pid;
    if (this.#ended) this.end();
  };

  done(): void {
    this.#pid = undefined;
  }

  /** It is waited for no longer; where it runs already: nothing. */
  end(): void {
    this.#ended = true;
    if (this.#pid !== undefined) this.#kernel.init.syscall('kill', this.#pid, SIGKILL).catch(() => {}); // a dead kernel tells so itself
  }

  told(cause: unknown): unknown {
    if (!this.#ended || this.#pid === undefined || this.#kernel.dead) return cause;
    return new HostError('program-prevents', 'what is to be run waits for a program in the session to be opened', {
      cause,
    });
  }
}

/** A name without a slash is one of the tools; so that a wrong one is told as such. */
function mustBeThere([program = '']: readonly string[], { tools }: Toolbox): void {
  if (program.includes('/') || tools.some(({ name, links }) => name === program || links.includes(program))) return;
  throw new HostError('no-such-tool', `there is no program ${program} among the tools`);
}

/** Runs it to its end; it is killed when it takes longer than it may. Nothing else is done with pid 1 meanwhile. */
export async function execProgram(
  kernel: Kernel,
  { argv, env, cwd, stdin, deadlineMs, mostBytes }: ProgramCall,
  toolbox: () => Promise<Toolbox>,
  host: Pick<Host, 'timer' | 'turn'>,
): Promise<ProgramAnswer> {
  const tools = await toolbox();
  mustBeThere(argv, tools);
  await equip(kernel, tools, host);
  const said = { stdout: new Gathered(), stderr: new Gathered() };
  const hear = (name: 'stdout' | 'stderr') => (piece: Uint8Array) => {
    if (said.stdout.length + said.stderr.length + piece.length > mostBytes)
      throw new HostError('output-too-large', `more than ${mostBytes} bytes of output`);
    said[name].add(piece);
  };
  let input = stdin;
  const beginning = new Beginning(kernel);
  let running: RunningProgram | undefined;
  let timedOut = false;
  let cancel = host.timer(deadlineMs, () => {
    timedOut = true;
    beginning.end();
    void running?.kill(SIGKILL).catch(() => {});
    // Who runs it may be held up by what a program has set, as by nothing else.
    cancel = host.timer(END_MS, () => kernel.kill('deadline', 'what runs a program did not get on'));
  });
  try {
    const run: ProgramRun = {
      path: pathOf(argv),
      argv,
      env: [...env, ...ENVIRONMENT],
      cwd,
      stdin() {
        const all = input;
        input = undefined;
        return all;
      },
      stdout: hear('stdout'),
      stderr: hear('stderr'),
      begun: beginning.begun,
      started(program) {
        beginning.done();
        running = program;
      },
    };
    const { value: end } = await hurried(kernel, host, new Set([kernel.init]), () => runProgram(kernel, run));
    // What it forked last may not have run yet, and is not among those that run.
    for (let turn = 0; kernel.programs.someToCome && turn < MOST_TURNS; turn++) await host.turn();
    return {
      ...end,
      timedOut,
      stdout: said.stdout.take(),
      stderr: said.stderr.take(),
      running: kernel.programs.running,
    };
  } catch (cause) {
    await running?.kill(SIGKILL).catch(() => {});
    throw beginning.told(cause);
  } finally {
    cancel();
  }
}

/** A program in a terminal, which goes on beside whatever else is done with the kernel. */
export interface Begun {
  /** Its end; to be awaited without a turn. */
  readonly end: Promise<ProgramEnd>;
  /** Afterwards: in a turn. */
  finish(): Promise<void>;
}

/** In a turn: the program begins, as the child of a task of its own, so that pid 1 is free for others. */
export async function beginTerminal(
  kernel: Kernel,
  { argv, cwd, size, typed, shown, started }: TerminalRun,
  toolbox: () => Promise<Toolbox>,
  host: Pick<Host, 'timer'>,
): Promise<Begun> {
  const tools = await toolbox();
  mustBeThere(argv, tools);
  await equip(kernel, tools, host);
  const parent = await kernel.spawn(kernel.init);
  const run: ProgramRun = {
    path: pathOf(argv),
    argv,
    env: ['TERM=xterm-256color', 'PS1=$PWD # ', ...ENVIRONMENT.filter((one) => !one.startsWith('TERM='))],
    cwd,
    terminal: size,
    stdin: typed,
    stdout: shown,
    parent,
  };
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const beginning = new Beginning(kernel);
  const cancel = host.timer(BEGIN_MS, () => beginning.end());
  const end = runProgram(kernel, {
    ...run,
    begun: beginning.begun,
    started(program) {
      beginning.done();
      resolve();
      started(program);
    },
  }).catch((cause: unknown) => {
    throw beginning.told(cause);
  });
  end.catch(() => {}); // whoever awaits it hears it
  // Until it runs, or cannot: then it tells so itself.
  await Promise.race([begun, end.catch(() => {})]);
  cancel();
  return { end, finish: () => endTask(kernel, parent) };
}
