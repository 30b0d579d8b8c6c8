/** The tree is the architecture: who may import whom, read from the imports themselves. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '../../src');

/** By folder of src/: what it may use beside itself. */
const below: Readonly<Record<string, readonly string[]>> = {
  abi: [],
  archive: [],
  storage: ['abi'],
  kernel: ['abi', 'storage'],
  simulation: ['abi', 'kernel'],
  jobs: ['abi', 'archive', 'kernel', 'simulation', 'storage'],
  session: ['abi', 'archive', 'env.ts', 'jobs', 'kernel', 'simulation', 'storage'],
  routes: ['abi', 'archive', 'jobs', 'session', 'storage'],
};
/** The only ones that know HTTP's libraries or the platform's bindings. */
const foreign: readonly { readonly name: RegExp; readonly at: RegExp }[] = [
  { name: /from '(hono|zod|@hono\/zod-openapi)(\/|')/, at: /^(routes\/|env\.ts)/ },
  { name: /from 'cloudflare:/, at: /^session\// },
  { name: /\b(R2Bucket|DurableObjectNamespace)\b/, at: /^(env\.ts|app\.ts|session\/|storage\/(r2-|image-store))/ },
  {
    name: /\bDate\.now\(|\bMath\.random\(|crypto\.(getRandomValues|randomUUID)\(|\bperformance\.now\(/,
    at: /^(app|worker-host)\.ts/,
  },
];

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
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
    expect(used.filter(({ first }) => first !== folder && !allowed.includes(first))).toEqual([]);
  });

  it.each(foreign)('$name is named in few places', ({ name, at }) => {
    const named = files.filter(({ text }) => name.test(codeOf(text))).map(({ path }) => path);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !at.test(path))).toEqual([]);
  });
});
