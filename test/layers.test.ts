/** The tree is the architecture: who may import whom, read from the imports themselves. */

import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '../src');

/** By folder of src/: what it may use beside itself. The hosts (worker, node, browser) know the engine, never each other. */
const engine = [
  'abi',
  'archive',
  'batch',
  'bytes',
  'dav',
  'errors',
  'image',
  'kernel',
  'linux.ts',
  'network',
  'packetdrill',
  'simulation',
  'storage',
  'tools',
  'tree',
];
const below: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  abi: [],
  errors: ['abi'],
  archive: ['bytes'],
  storage: ['abi', 'archive', 'bytes', 'errors'],
  kernel: ['abi', 'bytes', 'errors', 'storage'],
  image: ['abi', 'bytes', 'errors', 'kernel', 'storage'],
  tree: ['abi', 'archive', 'bytes', 'errors', 'kernel', 'storage'],
  batch: ['abi', 'bytes', 'errors', 'image', 'kernel', 'storage', 'tree'],
  network: ['abi', 'bytes', 'errors', 'kernel', 'storage'],
  packetdrill: ['abi', 'batch', 'errors', 'kernel'],
  dav: ['abi', 'archive', 'bytes', 'errors', 'kernel', 'tree'],
  tools: ['abi', 'batch', 'bytes', 'errors', 'image', 'kernel', 'storage', 'tree'],
  simulation: ['abi', 'batch', 'bytes', 'errors', 'kernel'],
  // What JSON says, to HTTP, the command and the page alike.
  api: engine,
  worker: [...engine, 'api'],
  node: engine,
  // What npm gives: the engine on Node.
  library: [...engine, 'api', 'node'],
  browser: [...engine, 'api'],
};
/** The only places that know HTTP's libraries, a platform's bindings, or a host's own clock and randomness. */
const foreign: readonly { readonly name: RegExp; readonly at: RegExp }[] = [
  {
    name: /from '(hono|zod|@hono\/zod-openapi)(\/|')/,
    at: /^(api\/|worker\/(access\/|routes\/|env\.ts)|simulation\/report\/)/,
  },
  { name: /from 'cloudflare:/, at: /^worker\/(session\/|dav\/dav\.ts|limits\/ledger\.ts|observe\/audit-trail\.ts)/ },
  { name: /\b(R2\w+|DurableObject\w*|ExecutionContext|Fetcher|scheduler\.wait)\b/, at: /^worker\// },
  { name: /from 'node:(?!zlib|stream)/, at: /^(node|library)\// },
  {
    name: /\bDate\.now\(|\bMath\.random\(|crypto\.(getRandomValues|randomUUID)\(|\bperformance\.now\(/,
    at: /^((worker\/(app|host)|node\/host|browser\/host)\.ts|browser\/page\/)/,
  },
];

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(join(src, path), 'utf8') }));
/** Without comments. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');

describe('layers', () => {
  it.each(Object.entries(below))('%s uses what is below it, and nothing else', (folder, allowed) => {
    const own = files.filter(({ path }) => path.startsWith(`${folder}/`));
    expect(own.length).toBeGreaterThan(0);
    const used = own.flatMap(({ path, text }) =>
      [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, target = '']) => {
        const [first = ''] = relative(src, join(src, dirname(path), target)).split('/');
        return { path, first };
      }),
    );
    // What lies outside src/ is data: the kernel and its snapshot.
    expect(used.filter(({ first }) => ![folder, '..', ...allowed].includes(first))).toEqual([]);
  });

  it.each(foreign)('$name is named in few places', ({ name, at }) => {
    const named = files.filter(({ text }) => name.test(codeOf(text))).map(({ path }) => path);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !at.test(path))).toEqual([]);
  });
});

it('no file imports itself by way of others, not even for a type or when it is called', () => {
  const imports = new Map(
    ['src', 'cli', 'scripts'].flatMap((folder) => {
      const root = join(src, '..', folder);
      return readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.test.ts'))
        .map((path): [string, string[]] => {
          const at = join(root, path);
          const found = readFileSync(at, 'utf8').matchAll(/(?:from |import |import\()'(\.[^']+)'/g);
          return [at, [...found].map(([, target = '']) => join(dirname(at), target))];
        });
    }),
  );
  const reachable = (from: string): ReadonlySet<string> => {
    const seen = new Set(imports.get(from));
    // A Set's iteration goes on to what is added meanwhile.
    for (const path of seen) for (const next of imports.get(path) ?? []) seen.add(next);
    return seen;
  };
  expect([...imports.keys()].filter((path) => reachable(path).has(path))).toEqual([]);
});

it('what the command imports is among the dependencies that it has from a checkout', () => {
  const { dependencies } = JSON.parse(readFileSync(join(src, '../cli/package.json'), 'utf8'));
  const cli = join(src, '../cli');
  const ours = readdirSync(cli, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?ts$/.test(path) && !/\.test\.ts$|^test\//.test(path))
    .map((path) => readFileSync(join(cli, path), 'utf8'));
  const used = files.filter(({ path }) => !/^(worker|browser)\//.test(path)).map(({ text }) => text);
  const packages = [...ours, ...used].flatMap((text) =>
    [...text.matchAll(/^(?:import|export) [^;]*?from '((?:@[\w-]+\/)?[\w-][\w.-]*)(?:\/[^']*)?';$/gm)].map(
      ([, name = '']) => name,
    ),
  );
  const missing = packages.filter((name) => !name.startsWith('node:') && !Object.hasOwn(dependencies, name));
  expect([...new Set(missing)].filter((name) => !builtinModules.includes(name))).toEqual([]);
});
