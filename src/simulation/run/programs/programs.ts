/** Linux's own programs in a simulation: where they come from, and one of them on a host. */

import { CLONE } from '../../../abi/uapi/socket.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { type ProgramEnd, runProgram } from '../../../kernel/program/run/run.ts';
import { unshare } from '../../../kernel/syscalls/namespace.ts';
import type { SetupPlan } from '../../plan/command-plan.ts';
import type { Issue } from '../../plan/issue.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Node } from '../../plan/topology.ts';
import type { ProgramTask } from './program.ts';
import { wrongEnd } from './program-end.ts';

/** What the host has of programs. */
export interface SimulationPrograms {
  /** They are in /bin of the kernel afterwards, and `hosts` in its /etc/hosts. Rejects with `no-tools` where there are none. */
  install(kernel: Kernel, hosts: string): Promise<void>;
  /** `NAME=value`: what every one is told. */
  readonly environment: readonly string[];
}

/** Runs one in the network of the task that asks, which does nothing else meanwhile. */
export type ExecRunner = (
  task: ProgramTask,
  argv: readonly string[],
  streams: {
    readonly stdin?: string | undefined;
    readonly stdout: (bytes: Uint8Array) => void;
    readonly stderr: (bytes: Uint8Array) => void;
  },
) => Promise<ProgramEnd>;

export const execRunner =
  (kernel: Kernel, { environment }: Pick<SimulationPrograms, 'environment'>): ExecRunner =>
  async (task, argv, { stdin, stdout, stderr }) => {
    // What it mounts and unmounts is its own: others need /proc.
    must('unshare', await unshare(task, CLONE.NEWNS));
    const [program = ''] = argv;
    let input = stdin === undefined ? undefined : new TextEncoder().encode(stdin);
    return runProgram(kernel, {
      path: program.includes('/') ? program : `/bin/${program}`,
      argv,
      env: environment,
      parent: task,
      stdin() {
        const all = input;
        input = undefined;
        return all;
      },
      stdout,
      stderr,
    });
  };

/** A program of a host's set-up did not succeed. */
export class SetupFailed extends Error {
  override readonly name = 'SetupFailed';
  readonly issue: Issue;

  constructor({ place: { path }, argv: [program] }: SetupPlan, why: string) {
    const message = `${program} ${why}`;
    super(`${path}: ${message}`);
    this.issue = { code: 'set-up', path, message };
  }
}

/** Words of an error that are told. */
const MOST_SAID = 4096;

/** Programs of all hosts' set-ups, one after another. */
export async function runSetups(
  { setups }: Pick<Plan, 'setups'>,
  run: <T>(node: Node, program: (task: ProgramTask) => Promise<T>) => Promise<T>,
  exec: ExecRunner,
): Promise<void> {
  for (const [node, commands] of setups) {
    for (const command of commands) {
      const said = new Said(MOST_SAID);
      const hear = (bytes: Uint8Array) => said.add(bytes);
      const end = await run(node, (task) => exec(task, command.argv, { stdout: hear, stderr: hear })).catch(
        (cause: unknown) => {
          throw new SetupFailed(command, `cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`);
        },
      );
      const wrong = wrongEnd(end, command.exit, said.text);
      if (wrong !== undefined) throw new SetupFailed(command, wrong);
    }
  }
}

/** The first bytes of what a program says, as text. */
export class Said {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  omitted = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(bytes: Uint8Array): void {
    const piece = bytes.subarray(0, this.#most - this.#bytes);
    this.omitted += bytes.length - piece.length;
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    this.#pieces.push(piece);
  }

  /** What is no UTF-8 is U+FFFD. */
  get text(): string {
    const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
    return this.#pieces.map((piece) => decoder.decode(piece, { stream: true })).join('') + decoder.decode();
  }
}
