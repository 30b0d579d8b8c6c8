/** Programs in a kernel that goes on: beside each other, and beside its system calls. */

import { WALL } from '../../abi/uapi/wait.ts';
import { HostError } from '../../errors/host-error.ts';
import { TaskExited } from '../../kernel/errors.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { runProgram } from '../../kernel/program/run/run.ts';
import { ENVIRONMENT, installTools } from '../../tools/install-tools.ts';
import type { Toolbox } from '../../tools/toolbox.ts';
import { type ProgramOptions, type ProgramResult, withStreams } from './streams.ts';

/** Runs something when the kernel's pid 1 is free, which it is not meanwhile. */
type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * The programs of one kernel.
 *
 * @internal
 */
export class KernelPrograms {
  readonly #kernel: Kernel;
  readonly #toolbox: Toolbox | undefined;
  readonly #inTurn: InTurn;
  #installed: Promise<void> | undefined;

  constructor(kernel: Kernel, toolbox: Toolbox | undefined, inTurn: InTurn) {
    this.#kernel = kernel;
    this.#toolbox = toolbox;
    this.#inTurn = inTurn;
  }

  async exec(argv: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
    const kernel = this.#kernel;
    const [program = ''] = argv;
    const toolbox = this.#toolbox;
    if (!toolbox) throw new HostError('bad-option', 'the kernel was booted without `programs`');
    const isPath = program.includes('/');
    if (!isPath && !toolbox.tools.some(({ name, links }) => name === program || links.includes(program)))
      throw new HostError('no-such-tool', `there is no program ${program} among the tools`);
    // A task of its own is its parent, so that pid 1 is free for others.
    const parent = await this.#inTurn(async () => {
      this.#installed ??= installTools(kernel, toolbox);
      await this.#installed;
      return kernel.spawn(kernel.init);
    });
    try {
      return await withStreams(options, ({ streams, env, cwd, started }) =>
        runProgram(kernel, {
          path: isPath ? program : `/bin/${program}`,
          argv,
          env: [...env, ...ENVIRONMENT],
          cwd,
          parent,
          started,
          ...streams,
        }),
      );
    } finally {
      if (!kernel.dead) await this.#inTurn(() => leave(kernel, parent));
    }
  }
}

async function leave(kernel: Kernel, parent: HostedTask): Promise<void> {
  await parent.syscall('exit_group', 0).catch((cause: unknown) => {
    if (!(cause instanceof TaskExited)) throw cause;
  });
  await kernel.init.syscall('wait4', parent.pid, 0, WALL, 0);
}
