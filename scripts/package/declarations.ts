/** The types of the package: the declarations that the library's own reach, and no others. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { root } from '../pins.ts';

const ENTRY = 'library/index.d.ts';

/** Users meet these only as parts of other types, without a name: their comments are for who works on lkl, and a fifth of all. */
const WITHIN = /^(abi|archive|image|kernel|network)\//;
const COMMENT = /[ \t]*\/\*\*[\s\S]*?\*\/\n?/g;

/** Writes them into `target`; answers the path of the entry in it. */
export function writeDeclarations(target: string): string {
  const all = mkdtempSync(join(tmpdir(), 'lkl-types-'));
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.package.json', '--outDir', all], { cwd: root });
    const reached = new Set([ENTRY]);
    // A set that grows while it is walked is walked to its end.
    for (const name of reached) {
      const text = readFileSync(join(all, name), 'utf8');
      for (const [, target = ''] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.ts['"]/g)) {
        reached.add(relative(all, join(all, dirname(name), `${target}.d.ts`)));
      }
    }
    for (const name of reached) {
      mkdirSync(dirname(join(target, name)), { recursive: true });
      // Only TypeScript's libraries of browsers know WebAssembly, and nothing that a user touches has it.
      const text = readFileSync(join(all, name), 'utf8').replaceAll(/\bWebAssembly\.\w+/g, 'object');
      writeFileSync(join(target, name), WITHIN.test(name) ? text.replaceAll(COMMENT, '') : text);
    }
    return ENTRY;
  } finally {
    rmSync(all, { recursive: true });
  }
}
