/** Modes as chmod(1) takes them, held against this machine's. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { changedMode } from './mode.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-mode-'));
afterAll(() => rmSync(folder, { recursive: true }));
const [file, directory] = [join(folder, 'file'), join(folder, 'directory')];
writeFileSync(file, '');
mkdirSync(directory);

it.each(['u+x', 'go-w', 'a=rX', 'u=g', 'g+s', '+t', 'u+s,g-r,o=', 'a-x+X', 'ug=rw,o-rwx', 'o=u', '640', '4755'])(
  '%s',
  (text) => {
    for (const path of [file, directory]) {
      for (const before of [0o644, 0o755, 0o6711, 0o1070, 0o000]) {
        chmodSync(path, before);
        // An absolute mode of five digits clears set-id bits of directories in coreutils; one of up to four keeps them.
        execFileSync('chmod', [text, path], { env: { ...process.env, LC_ALL: 'C' } });
        const isAbsolute = /^\d/.test(text) && path === directory;
        const expected = statSync(path).mode & (isAbsolute ? 0o1777 : 0o7777);
        const ours = changedMode(text)(before, path === directory) & (isAbsolute ? 0o1777 : 0o7777);
        expect([text, before.toString(8), ours.toString(8)]).toEqual([text, before.toString(8), expected.toString(8)]);
      }
    }
  },
);

it.each(['', 'u', 'x', 'u+q', '999', '77777', 'u+x,', 'u*x'])('%j is none', (text) => {
  expect(() => changedMode(text)).toThrow(/modes are octal/);
});
