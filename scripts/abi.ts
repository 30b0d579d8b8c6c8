/** Generates src/abi's tables from the Linux source; `--check` fails when what is committed is not what would be generated. */

import { broken, type Generated, stale, write } from './abi/generated.ts';
import { argumentKind } from './abi/kinds.ts';
import { findLinux, linuxVersion } from './abi/source.ts';
import { readSyscalls } from './abi/syscalls.ts';

const paths = ['src/abi/syscalls.ts'];

function generate(linux: string): Generated[] {
  return [syscallTable(linux)];
}

function syscallTable(linux: string): Generated {
  const rows = readSyscalls(linux).map(({ name, number, arguments: args }) =>
    args === undefined ? `  ${name}: [${number}],` : `  ${name}: [${number}, '${args.map(argumentKind).join(' ')}'],`,
  );
  return {
    path: 'src/abi/syscalls.ts',
    doc: "Every syscall of our kernel: its number and its arguments as 'name:kind' words; one without arguments is reserved and answers ENOSYS.",
    body: `export const syscalls = {\n${rows.join('\n')}\n} as const satisfies Record<string, readonly [number: number, args?: string]>;

/** A syscall by the name our kernel gives it. */
export type SyscallName = keyof typeof syscalls;
`,
  };
}

const linux = findLinux();
if (process.argv.includes('--check')) {
  const bad = linux === undefined ? broken(paths) : stale(generate(linux), linuxVersion(linux));
  if (bad.length > 0) {
    console.error(`out of date: ${bad.join(', ')}: run npm run abi`);
    process.exitCode = 1;
  }
} else if (linux === undefined) {
  console.error('no Linux source: set LINUX to its folder, or install the Debian package linux-source-6.12');
  process.exitCode = 1;
} else {
  for (const path of write(generate(linux), linuxVersion(linux))) console.log(`wrote ${path}`);
}
