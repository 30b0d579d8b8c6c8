#!/usr/bin/env node
/** clang for programs of lkl-linux's kernel, used as cc is: the flags of our target, the C library beside this, and what wasm-ld must be told. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = 20;
const sysroot = process.env.LKL_SYSROOT ?? join(dirname(fileURLToPath(import.meta.url)), 'sysroot');
const targetFlags = readFileSync(join(sysroot, 'flags'), 'utf8').trim().split('\n');

/** What has no meaning here, or is so anyway. */
const IGNORED = [
  /^-(static|static-libgcc|rdynamic|pie|no-pie|s)$/,
  /^-f(PIE|PIC|pie|pic|no-guess-branch-probability|unit-at-a-time)$/,
  /^-f(align|inline-limit|no-ipa|.*-loops-)/,
  /^-mpreferred-stack-boundary=/,
  /^-Wl,(--as-needed|-z,|-zrelro|-znow|--sort-|--warn-|-Map|--start-group|--end-group|-O\d|-rpath|--version-script|-soname|--hash-style)/,
];
/** Those that end before anything is linked. */
const NO_LINK = /^(-c|-E|-S|-M|-MM|--version|-v|-dumpmachine|-print-.*|-fsyntax-only)$/;
const WASM_FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'sign-ext',
  'nontrapping-float-to-int',
  'mutable-globals',
  'exception-handling',
].map((feature) => `--enable-${feature}`);

function fail(message) {
  console.error(`lkl-cc: ${message}`);
  process.exit(1);
}

/** The first clang that is new enough. */
function findClang() {
  const asked = process.env.LKL_CLANG;
  const names = asked ? [asked] : ['clang', ...[24, 23, 22, 21, 20].map((version) => `clang-${version}`)];
  const found = [];
  for (const name of names) {
    const { stdout, status } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    const version = Number(/clang version (\d+)/.exec(stdout)?.[1] ?? 0);
    if (version >= OLDEST) return name;
    found.push(`${name} is version ${version}`);
  }
  return fail(
    `clang ${OLDEST} or later is needed, with wasm-ld (${found.join(', ') || `no ${names.join(', ')} here`})`,
  );
}

function run(program, args) {
  const { status, signal, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (error) fail(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? (signal ? 1 : 0));
}

function optimise(output, passes) {
  let wasmOpt;
  try {
    wasmOpt = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin/wasm-opt');
  } catch {
    fail('-mfork and -mfpcast need the package binaryen, which is not installed');
  }
  const made = `${output}.opt`;
  try {
    run(process.execPath, ['--stack-size=8000', wasmOpt, ...passes, ...WASM_FEATURES, '-O2', output, '-o', made]);
    renameSync(made, output);
  } finally {
    if (existsSync(made)) rmSync(made);
  }
}

const passes = [];
const args = [];
let output = 'a.out';
let links = true;
const given = process.argv.slice(2);
for (let i = 0; i < given.length; i++) {
  const word = given[i];
  if (word === '-mfork') passes.push('--asyncify', '--pass-arg=asyncify-imports@lkl.fork');
  else if (word === '-mfpcast') passes.unshift('--fpcast-emu');
  else if (word === '-pthread') args.push('-D_REENTRANT');
  else if (word === '-shared') fail('there are no shared libraries: link everything into the program');
  else if (IGNORED.some((pattern) => pattern.test(word))) continue;
  else {
    if (NO_LINK.test(word)) links = false;
    if (word === '-o') output = given[i + 1] ?? output;
    else if (/^-o./.test(word)) output = word.slice(2);
    args.push(word);
  }
}
if (given.length === 0) fail('no input files');

const clang = findClang();
const resources = spawnSync(clang, ['-print-resource-dir'], { encoding: 'utf8' }).stdout.trim();
const compile = [
  ...targetFlags,
  '-Wno-unused-command-line-argument', // of the flags above, where nothing is compiled
  '-nostdinc',
  ...['include-first', 'include'].flatMap((name, i) => [
    '-isystem',
    join(sysroot, name),
    ...(i === 0 ? ['-isystem', join(resources, 'include')] : []),
  ]),
  ...['__linux__', '__linux', 'linux', '__unix__', '__unix'].map((name) => `-D${name}`),
];
if (!links) {
  run(clang, [...compile, ...args]);
} else {
  // Functions begin at 64 of the table: the linker's default puts one at 1, which is SIG_IGN.
  const link = [
    '-nostdlib',
    ...['--no-entry', '--stack-first', '-z,stack-size=1048576', '--table-base=64', '--export-table'].map(
      (flag) => `-Wl,${flag}`,
    ),
    ...['__lkl_pending', '__stack_pointer'].map((name) => `-Wl,--export=${name}`),
  ];
  const libraries = [`-L${join(sysroot, 'lib')}`, '-lc', '-lbuiltins'];
  run(clang, [...compile, ...link, join(sysroot, 'lib/crt1.o'), ...args, ...libraries]);
  if (passes.length > 0) optimise(output, passes);
}
