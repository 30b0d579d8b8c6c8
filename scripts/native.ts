/**
 * `npm run native` builds the module by which Node makes Linux's system calls, and the program that starts others under
 * `lkl hijack`, for each machine; `--check` fails when what is committed was built from other sources, or is not what was built.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, sha256 } from './pins.ts';

/** By what Node calls a machine (process.arch): what clang does. */
const machines = { x64: 'x86_64', arm64: 'aarch64' } as const;

/** There is no libc to agree on in either. */
const common = [
  ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fno-builtin'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-ident', '-nostdlib', '-fuse-ld=lld'],
];

interface Built {
  readonly folder: string;
  /** Below `folder`. */
  readonly sources: string;
  readonly main: string;
  readonly flags: readonly string[];
  binary(arch: string): string;
}

const all: readonly Built[] = [
  {
    folder: join(root, 'src/node/native'),
    sources: 'c',
    main: 'host.c',
    // Node brings the functions of Node-API and libuv.
    flags: [
      ...common,
      ...['-fPIC', '-fvisibility=hidden', '-shared'],
      '-Wl,--hash-style=gnu,--build-id=none,-s,-z,noexecstack,-z,max-page-size=65536',
    ],
    binary: (arch) => `linux-${arch}.node`,
  },
  {
    folder: join(root, 'src/node/hijack/helper'),
    sources: 'c',
    main: 'helper.c',
    flags: [...common, '-fno-pic', '-static', '-Wl,--build-id=none,-s,-z,noexecstack,-z,max-page-size=65536'],
    binary: (arch) => `linux-${arch}`,
  },
];

const facts = ({ folder }: Built): string => join(folder, 'native.json');

/** Over all that decides what the binaries are, besides the compiler that native.json names. */
function inputs({ folder, sources, flags }: Built): string {
  const names = readdirSync(join(folder, sources)).sort();
  const lines = names.map((name) => `${name} ${sha256(readFileSync(join(folder, sources, name)))}`);
  return sha256(new TextEncoder().encode([...lines, ...flags].join('\n')));
}

const sums = ({ folder, binary }: Built) =>
  Object.fromEntries(
    Object.keys(machines).map((arch) => [binary(arch), sha256(readFileSync(join(folder, binary(arch))))]),
  );

function check(one: Built): void {
  const committed = JSON.parse(readFileSync(facts(one), 'utf8'));
  const same =
    committed.inputs === inputs(one) &&
    Object.entries(sums(one)).every(([name, sum]) => committed.sha256[name] === sum);
  const place = relative(root, one.folder);
  console.log(same ? `ok    ${place}` : `STALE ${place}: run npm run native`);
  if (!same) process.exitCode = 1;
}

function build(one: Built): void {
  const clang = process.env.CLANG ?? 'clang-22';
  for (const [arch, target] of Object.entries(machines)) {
    const [from, to] = [join(one.folder, one.sources, one.main), join(one.folder, one.binary(arch))];
    execFileSync(clang, [`--target=${target}-unknown-linux-gnu`, ...one.flags, '-o', to, from], { stdio: 'inherit' });
  }
  const [compiler = ''] = execFileSync(clang, ['--version'], { encoding: 'utf8' }).split('\n');
  writeFileSync(facts(one), `${JSON.stringify({ inputs: inputs(one), compiler, sha256: sums(one) }, undefined, 2)}\n`);
}

const each = process.argv.includes('--check') ? check : build;
for (const one of all) each(one);
