/** Where the arguments of `lkl hijack` end and those of the program begin: at its name, with or without `--` before it. */

const withValue = [
  ...['-c', '--config', '--pcap', '-p', '--publish', '--root', '--root-options', '--session'],
  ...['--clock', '--seed', '-m', '--memory', '--net'],
];

/** The command line with `--` before the program, so that its options stay its own; others as they are. */
export function withProgramApart(argv: readonly string[]): readonly string[] {
  const verb = argv.findIndex((word, i) => i >= 2 && !word.startsWith('-'));
  if (verb < 0 || argv[verb] !== 'hijack') return argv;
  for (let i = verb + 1; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') return argv;
    if (withValue.includes(word)) i++;
    else if (!word.startsWith('-') || word === '-') return [...argv.slice(0, i), '--', ...argv.slice(i)];
  }
  return argv;
}
