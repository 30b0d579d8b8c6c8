/** `lkl completion`: scripts that make shells complete the command. @bomb.sh/tab reads them off the commands themselves. */

import { Argument, Command } from 'commander';

export const completionCommand = (): Command =>
  new Command('completion')
    .summary('write what makes a shell complete this command')
    .description(
      'Writes a script for the shell: source <(lkl completion bash); the same for zsh; lkl completion fish | source.',
    )
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']));

/** Its scripts ask for completions by `lkl complete -- words`. */
const NAMES = ['completion', 'complete'];

/** The program with the library's own commands, if they are what is asked for. */
export async function withCompletion(program: Command, make: () => Command): Promise<Command> {
  if (!NAMES.includes(process.argv[2] ?? '') || process.argv.includes('--help')) return program;
  const [{ default: tab }, { ShellCompDirective }] = await Promise.all([
    import('@bomb.sh/tab/commander'),
    import('@bomb.sh/tab'),
  ]);
  const other = make();
  const commands = other.commands as Command[];
  commands.splice(
    commands.findIndex((command) => command.name() === 'completion'),
    1,
  );
  const root = tab(other, { completionCommandName: 'completion' });
  // It says of every word that no file may stand there. Where it has nothing to propose, one does.
  Object.defineProperty(root, 'directive', {
    get: () => (root.completions.length > 0 ? ShellCompDirective.ShellCompDirectiveNoFileComp : 0),
    set: () => {},
  });
  return other;
}
