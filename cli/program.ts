/** The `lkl` command as it is parsed, described on a man page and completed in shells. */

import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { callCommand } from './call/command.ts';
import { completionCommand } from './completion.ts';
import { cpfromfsCommand, cptofsCommand } from './copy/command.ts';
import { fs2tarCommand, fs2zipCommand } from './fs2tar/command.ts';
import { hijackCommand } from './hijack/command.ts';
import { mountCommand, umountCommand } from './mount/command.ts';
import { netTestCommand } from './net-test/command.ts';
import { packetdrillCommand } from './packetdrill/command.ts';
import { serveCommand } from './serve/command.ts';
import { simCommand } from './sim/command.ts';
import { tokenCommand } from './token/command.ts';
import { toolCommands } from './tools/command.ts';
import { lookCommands } from './verbs/commands.ts';
import { webdavCommand } from './webdav/command.ts';
import { writeCommands } from './write/command.ts';

/** `version` is made when someone asks for it. */
export function lklProgram(version: () => string): Command {
  const program = new Command('lkl')
    .description(
      'Linux as a library, on the command line: looks into disk images, simulates networks, makes system calls.',
    )
    .option('-v, --verbose', 'show the log of a kernel or a Worker that failed')
    .option('-V, --version', 'show the versions of this command and of its Linux')
    .on('option:version', () => {
      process.stdout.write(`${version()}\n`);
      process.exit(0);
    })
    .exitOverride()
    // As errors of the command's own begin, and where its options are told.
    .configureOutput({ outputError: (text, write) => write(`${asOurs(text)}; --help tells more\n`) });
  const commands = [
    fs2tarCommand(),
    fs2zipCommand(),
    ...lookCommands(),
    cptofsCommand(),
    cpfromfsCommand(),
    ...writeCommands(),
    mountCommand(),
    umountCommand(),
    ...toolCommands(),
    callCommand(),
    simCommand(),
    hijackCommand(),
    packetdrillCommand(),
    netTestCommand(),
    serveCommand(),
    tokenCommand(),
    webdavCommand(),
    completionCommand(),
  ];
  for (const command of commands) program.addCommand(withHint(command.copyInheritedSettings(program)));
  return program;
}

const asOurs = (text: string): string =>
  text
    .trim()
    .replace(/^error: /, 'lkl: ')
    .replaceAll('\n', ' ');

/** Who is used to -p of mkdir or cp gives the image to --partition, and has none. */
function withHint(command: Command): Command {
  const outputError = (text: string, write: (text: string) => void) => {
    const { partition } = command.opts<{ partition?: unknown }>();
    const isImage = typeof partition === 'string' && existsSync(partition);
    const parents = command.options.some(({ long }) => long === '--parents') ? '; --parents is -P' : '';
    const hint = isImage ? `: -p took ${partition} as the name of a partition (--partition)${parents}` : '';
    write(`${asOurs(text)}${hint}; --help tells more\n`);
  };
  return command.configureOutput({ outputError });
}
