/** The man page, generated from the commands: man(7) text. */

import type { Argument, Command, Option } from 'commander';
import { lklProgram } from '../../cli/program.ts';

/** What roff takes for its own: a backslash, a hyphen that is to stay one, a point at the beginning of a line. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1');

const argumentText = (argument: Argument): string => {
  const { required, variadic } = argument;
  const shown = `${argument.name()}${variadic ? '...' : ''}`;
  return required ? `\\fI${roff(shown)}\\fR` : `[\\fI${roff(shown)}\\fR]`;
};

const term = (head: string, text: string): string => `.TP\n${head}\n${roff(text)}`;

function optionText({ flags, description, defaultValue, argChoices }: Option): string {
  const more = [
    ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
    ...(typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
  ];
  return term(`\\fB${roff(flags)}\\fR`, [description, ...(more.length > 0 ? [`(${more.join('; ')})`] : [])].join(' '));
}

function commandText(command: Command): string {
  const help = command.createHelp();
  const usage = ['lkl', command.name(), '[\\fIoptions\\fR]', ...command.registeredArguments.map(argumentText)].join(
    ' ',
  );
  const described = command.registeredArguments.flatMap((argument) =>
    argument.description ? [term(`\\fI${roff(argument.name())}\\fR`, argument.description)] : [],
  );
  return [
    `.SS ${command.name()}`,
    `\\fB${usage}\\fR`,
    '.PP',
    roff(command.description()),
    ...described,
    ...help.visibleOptions(command).map(optionText),
  ].join('\n');
}

const exitCodes: readonly (readonly [string, string])[] = [
  ['0', 'done, all of it'],
  ['1', 'the command line, or a file that describes what to do, is wrong'],
  ['2', 'the image is at fault: no file system, another type, several partitions, damage, no such file'],
  ['3', 'not everything: files left out, differences found, a workload or a call that failed'],
  ['4', 'anything else: an I/O error here, a connection, a kernel or a Worker that failed'],
  ['128 + n', 'ended by signal n'],
];

/** `date` as the page shows it. */
export function manPage(version: string, date: string): string {
  const program = lklProgram(() => version);
  return `${[
    `.TH LKL 1 "${date}" "${roff(version)}" "User Commands"`,
    '.SH NAME',
    'lkl \\- Linux as a library, on the command line',
    '.SH SYNOPSIS',
    '\\fBlkl\\fR [\\fIoptions\\fR] \\fIcommand\\fR ...',
    '.SH DESCRIPTION',
    roff(program.description()),
    '.SH OPTIONS',
    ...program.createHelp().visibleOptions(program).map(optionText),
    '.SH COMMANDS',
    ...program.commands.map(commandText),
    '.SH EXIT STATUS',
    ...exitCodes.map(([code, text]) => term(roff(code), text)),
    '.SH ENVIRONMENT',
    term('TMPDIR', 'Where images from pipes, and compressed ones, are kept while they are read.'),
    term('XDG_CACHE_HOME', 'Below it, in lkl, compiled JavaScript is kept.'),
  ].join('\n')}\n`;
}
