/**
 * Generates src/abi's tables from the Linux source, and from src/abi the assertions that hold it and our C together;
 * `--check` fails when what is committed is not what would be generated.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConstants } from './abi/constants.ts';
import { fuseConstants, fuseStructs } from './abi/fuse.ts';
import { broken, type Generated, stale, write } from './abi/generated.ts';
import { Unit } from './abi/headers.ts';
import { argumentKinds, callsWithKinds } from './abi/kinds.ts';
import { readLayouts } from './abi/layouts.ts';
import { findLinux, linuxVersion } from './abi/source.ts';
import { readSyscalls } from './abi/syscalls.ts';
import { root } from './pins.ts';
import { twinAssertions } from './twins.ts';

const paths = ['src/abi/syscalls.ts', 'src/abi/uapi/constants.ts', 'src/abi/uapi/structs.ts', 'src/abi/uapi/fuse.ts'];

function generate(linux: string): Generated[] {
  const unit = new Unit(linux);
  try {
    return [syscallTable(linux), constantTable(unit), structTable(unit), fuseTable(unit)];
  } finally {
    unit.close();
  }
}

function syscallTable(linux: string): Generated {
  const calls = readSyscalls(linux);
  const unknown = callsWithKinds.filter((name) => !calls.some((call) => call.name === name));
  if (unknown.length > 0) throw new Error(`kinds for calls that do not exist: ${unknown.join(', ')}`);
  const rows = calls.map((call) =>
    call.arguments === undefined
      ? `${call.name}: [${call.number}],`
      : `${call.name}: [${call.number}, '${argumentKinds(call)}'],`,
  );
  return {
    path: 'src/abi/syscalls.ts',
    doc: "Every syscall of our kernel: its number and its arguments as 'name:kind' words; one without arguments is reserved and answers ENOSYS.",
    body: `export const syscalls = {
${rows.join('\n')}
} as const satisfies Record<string, readonly [number: number, args?: string]>;

/** A syscall by the name our kernel gives it. */
export type SyscallName = keyof typeof syscalls;
`,
  };
}

function constantTable(unit: Unit): Generated {
  return {
    path: 'src/abi/uapi/constants.ts',
    doc: 'The constants of the user ABI, by group: the prefix that the names share, which bits hold one value out of several, "NAME value …".',
    body: `export const constantGroups = ${object(readConstants(unit))} as const satisfies Record<string, readonly [prefix: string, mask: number, words: string]>;

/** A set of words that one kind of argument or field takes. */
export type ConstantGroup = keyof typeof constantGroups;
`,
  };
}

function structTable(unit: Unit): Generated {
  return {
    path: 'src/abi/uapi/structs.ts',
    doc: 'The structs of the user ABI as our 32-bit kernel lays them out: size in bytes, then "field:kind@offset …".',
    body: `export const structs = ${object(readLayouts(unit))} as const satisfies Record<string, readonly [size: number, fields: string]>;

/** A struct by the name that man pages use. */
export type StructName = keyof typeof structs;
`,
  };
}

function fuseTable(unit: Unit): Generated {
  return {
    path: 'src/abi/uapi/fuse.ts',
    doc: 'The protocol between Linux and a file system in user space (linux/fuse.h): its constants, its operations, and its structs\' sizes and fields as "field:kind@offset".',
    body: `${fuseConstants(unit)}
export const fuseStructs = ${object(readLayouts(unit, fuseStructs))} as const satisfies Record<string, readonly [size: number, fields: string]>;
`,
  };
}

function object(rows: Record<string, unknown>): string {
  return `{\n${Object.entries(rows)
    .map(([name, row]) => `${name}: ${JSON.stringify(row)},`)
    .join('\n')}\n}`;
}

/** Needs no Linux source. That the kernel was built with it tells `npm run kernel:check`. */
const twins = 'wasm/arch/lkl/kernel/abi.c';
const twinsAreStale = readFileSync(join(root, twins), 'utf8') !== twinAssertions();

const linux = findLinux();
if (process.argv.includes('--check')) {
  const bad = linux === undefined ? broken(paths) : stale(generate(linux), linuxVersion(linux));
  if (twinsAreStale) bad.push(twins);
  if (bad.length > 0) {
    console.error(`out of date: ${bad.join(', ')}: run npm run abi`);
    process.exitCode = 1;
  }
} else if (linux === undefined && !twinsAreStale) {
  console.error('no Linux source: set LINUX to its folder, or install the Debian package linux-source-6.12');
  process.exitCode = 1;
} else {
  const written = linux === undefined ? [] : write(generate(linux), linuxVersion(linux));
  if (twinsAreStale) {
    writeFileSync(join(root, twins), twinAssertions());
    written.push(twins);
  }
  for (const path of written) console.log(`wrote ${path}`);
}
