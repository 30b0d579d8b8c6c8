/**
 * `npm run native` builds the module by which Node makes Linux's system calls, for each machine; `--check` fails when what is
 * committed was built from other sources, or is not what was built.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, sha256 } from './pins.ts';

const folder = join(root, 'src/node/native');
const facts = join(folder, 'native.json');

/** By what Node calls a machine (process.arch): what clang does. */
const machines = { x64: 'x86_64', arm64: 'aarch64' } as const;

const flags = [
  ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fno-builtin', '-fPIC'],
  ...['-fvisibility=hidden', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-ident'],
  // Node brings the functions of Node-API and libuv; there is no libc to agree on.
  ...['-nostdlib', '-shared', '-fuse-ld=lld'],
  '-Wl,--hash-style=gnu,--build-id=none,-s,-z,noexecstack,-z,max-page-size=65536',
];

const binary = (arch: string): string => join(folder, `linux-${arch}.node`);

/** Over all that decides what the binaries are, besides the compiler that native.json names. */
function inputs(): string {
  const sources = readdirSync(join(folder, 'c')).sort();
  const lines = sources.map((name) => `${name} ${sha256(readFileSync(join(folder, 'c', name)))}`);
  return sha256(new TextEncoder().encode([...lines, ...flags].join('\n')));
}

const built = () =>
  Object.fromEntries(Object.keys(machines).map((arch) => [`linux-${arch}.node`, sha256(readFileSync(binary(arch)))]));

if (process.argv.includes('--check')) {
  const committed = JSON.parse(readFileSync(facts, 'utf8'));
  const same =
    committed.inputs === inputs() && Object.entries(built()).every(([name, sum]) => committed.sha256[name] === sum);
  console.log(same ? 'ok    src/node/native' : 'STALE src/node/native: run npm run native');
  if (!same) process.exitCode = 1;
} else {
  const clang = process.env.CLANG ?? 'clang-22';
  for (const [arch, target] of Object.entries(machines)) {
    const args = [`--target=${target}-unknown-linux-gnu`, ...flags, '-o', binary(arch), join(folder, 'c/host.c')];
    execFileSync(clang, args, { stdio: 'inherit' });
  }
  const [compiler = ''] = execFileSync(clang, ['--version'], { encoding: 'utf8' }).split('\n');
  writeFileSync(facts, `${JSON.stringify({ inputs: inputs(), compiler, sha256: built() }, undefined, 2)}\n`);
}
