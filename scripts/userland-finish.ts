/** Turns linked programs into what is committed: optimised, stripped, described in tools.json. Called by wasm/userland/build.sh. */

import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { root, sha256 } from './pins.ts';
import { type Tool, type ToolsJson, tools, userlandHash } from './userland-pins.ts';
import { readSections, SECTION, writeSections } from './wasm-sections.ts';

const [work] = process.argv.slice(2);
if (!work) throw new Error('usage: userland-finish.ts WORK');

const FLAGS = [
  '-Os',
  ...[
    'bulk-memory',
    'bulk-memory-opt',
    'sign-ext',
    'nontrapping-float-to-int',
    'mutable-globals',
    'exception-handling',
  ].map((feature) => `--enable-${feature}`),
];
/** What a line of a package's list may ask for beside that. */
const EXTRA: Readonly<Record<string, readonly string[]>> = {
  /** fork(): the stack is wound up at its import, and down again in both processes. */
  fork: ['--asyncify', '--pass-arg=asyncify-imports@lkl.fork'],
  /** Calls through pointers that were cast to another type of function, which trap otherwise. */
  fpcast: ['--fpcast-emu'],
};

const wasmOpt = join(root, 'node_modules/binaryen/bin/wasm-opt');
const binaryen = JSON.parse(readFileSync(join(root, 'node_modules/binaryen/package.json'), 'utf8')).version;
const run = promisify(execFile);

/** Optimised, without names and other custom sections. Kept beside the linked program, so that what did not change costs nothing. */
async function finish(linked: string, extra: readonly string[]): Promise<Uint8Array> {
  const key = sha256(new TextEncoder().encode([sha256(readFileSync(linked)), binaryen, ...FLAGS, ...extra].join(' ')));
  const kept = join(work ?? '', 'finished', `${key}.wasm`);
  if (!existsSync(kept)) {
    mkdirSync(join(work ?? '', 'finished'), { recursive: true });
    await run(process.execPath, ['--stack-size=8000', wasmOpt, ...extra, ...FLAGS, linked, '-o', `${kept}.new`]);
    const sections = readSections(readFileSync(`${kept}.new`)).filter(({ id }) => id !== SECTION.custom);
    writeFileSync(kept, writeSections(sections));
    rmSync(`${kept}.new`);
  }
  return readFileSync(kept);
}

const sources = new Map(
  readFileSync(join(root, 'wasm/userland/sources'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' '))
    .map(([name = '', version = '']) => [name, version]),
);
const licences = new Map(
  readFileSync(join(root, 'wasm/userland/licences'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
);
const known = <K, V>(map: ReadonlyMap<K, V>, key: K, what: string): V => {
  const value = map.get(key);
  if (value === undefined) throw new Error(`${key} is not in wasm/userland/${what}`);
  return value;
};

/** Words of the lines of all files of this kind that the packages left. */
const left = (kind: string): string[][] =>
  readdirSync(join(work, 'programs'))
    .filter((name) => name.endsWith(kind))
    .flatMap((name) =>
      readFileSync(join(work, 'programs', name), 'utf8')
        .trim()
        .split('\n'),
    )
    .map((line) => line.split(' '))
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));

const lines = left('.list');
const links = new Map(left('.links').map(([name = '', ...others]) => [name, others]));

const waiting = [...lines];
const finished: Tool[] = [];
const worker = async () => {
  for (let line = waiting.shift(); line; line = waiting.shift()) {
    const [name = '', source = '', ...options] = line;
    const extra = options.flatMap((option) => EXTRA[option] ?? []);
    const bytes = await finish(join(work, 'programs', `${name}.wasm`), extra);
    finished.push({
      name,
      links: links.get(name) ?? [],
      source,
      version: known(sources, source, 'sources'),
      licence: known(licences, source, 'licences'),
      forks: options.includes('fork'),
      sha256: sha256(bytes),
      bytes: bytes.length,
      gzipBytes: gzipSync(bytes, { level: 9 }).length,
    });
    mkdirSync(join(work, 'dist'), { recursive: true });
    writeFileSync(join(work, 'dist', `${name}.wasm`), bytes);
  }
};
await Promise.all(cpus().map(worker));

const debian = (name: string) =>
  execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' }).trim();
const json: ToolsJson = {
  inputs: userlandHash(),
  libc: `musl ${known(sources, 'musl', 'sources')} (MIT), arch wasm32 of our own`,
  optimiser: `binaryen ${binaryen} wasm-opt ${FLAGS.join(' ')}`,
  packages: Object.fromEntries(
    ['linux-source-6.12', 'clang-22', 'lld-22', 'llvm-22', 'libclang-rt-22-dev-wasm32'].map((name) => [
      name,
      debian(name),
    ]),
  ),
  tools: finished.sort((a, b) => (a.name < b.name ? -1 : 1)),
};
rmSync(tools.folder, { recursive: true, force: true });
mkdirSync(tools.folder, { recursive: true });
for (const { name } of json.tools)
  writeFileSync(join(tools.folder, `${name}.wasm`), readFileSync(join(work, 'dist', `${name}.wasm`)));
/** What the package needs to be one, and what each source says of its authors. */
cpSync(join(root, 'wasm/userland/npm'), tools.folder, { recursive: true });
mkdirSync(join(tools.folder, 'copyright'));
for (const source of readdirSync(join(work, 'src')).sort()) {
  const text = ['debian/copyright', 'COPYRIGHT'].map((name) => join(work, 'src', source, name)).find(existsSync);
  if (text === undefined) throw new Error(`${source} says nothing of its authors`);
  writeFileSync(join(tools.folder, 'copyright', source), readFileSync(text));
}
writeFileSync(tools.json, `${JSON.stringify(json, null, 1)}\n`);
const sum = (field: 'bytes' | 'gzipBytes') => json.tools.reduce((all, tool) => all + tool[field], 0);
console.log(`${json.tools.length} programs: ${sum('bytes')} bytes, ${sum('gzipBytes')} gzip`);
