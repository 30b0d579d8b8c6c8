/** `lkl packetdrill`: scripts of the packetdrill language on our TCP. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { ipVersions } from '../../src/packetdrill/run/settings.ts';
import { exitCodes } from '../failure.ts';
import { jsonOption, urlOption } from '../options.ts';
import type { PacketdrillOptions } from './packetdrill.ts';

const help = `
Exit codes:
  0    every script passed, for each version of IP
  1    the command line is wrong, or a script is not of the language
  3    a script did not pass
  4    anything else`;

export const packetdrillCommand = (): Command =>
  new Command('packetdrill')
    .summary('play packetdrill scripts on Linux in virtual time')
    .description(
      'Plays scripts of the packetdrill language, each on a kernel of its own for each version of IP. Time is virtual: no script waits, and none passes today and fails tomorrow. Shell commands in scripts are understood as far as they are sysctl, ip, tc and a few more.',
    )
    .argument('<file...>', 'scripts')
    .addOption(
      new Option('--ip-version <version...>', "which (default: the script's --ip_version, or all)").choices(ipVersions),
    )
    .option('-D, --define <name=value>', 'a word that stands for another; may be repeated', pair)
    .option('--option <name=value>', "an option of packetdrill's, such as tolerance_usecs=10000; may be repeated", pair)
    .option('--seed <text>', 'decides what is random', '1')
    .addOption(jsonOption())
    .addOption(urlOption())
    .addHelpText('after', help)
    .action(async (files: string[], options: PacketdrillOptions) => {
      const { packetdrill } = await import('./packetdrill.ts');
      process.exitCode = exitCodes[await packetdrill(files, options)];
    });

function pair(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It is a name, =, and a value.');
  return { ...before, [name]: value ?? '' };
}
