/** For esbuild: JSON that is imported whole, of which only what is used goes into a bundle. */

import { readFileSync } from 'node:fs';
import type { Plugin } from 'esbuild';

const USED: readonly { readonly file: RegExp; readonly members: readonly string[] }[] = [
  // What `ora` takes of its 90 by itself: where a terminal has Unicode, and where not.
  { file: /[\\/]cli-spinners[\\/]spinners\.json$/, members: ['dots', 'line'] },
  // What the Worker tells of its kernel; the configuration is half of the file, and lies beside it in the package.
  { file: /[\\/]wasm[\\/]dist[\\/]kernel\.json$/, members: ['linux', 'packages'] },
];

export const usedJson: Plugin = {
  name: 'used-json',
  setup({ onLoad }) {
    for (const { file, members } of USED) {
      onLoad({ filter: file }, ({ path }) => {
        const all = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
        const missing = members.filter((name) => !(name in all));
        if (missing.length > 0) throw new Error(`${path} has no ${missing.join(', ')}`);
        return {
          contents: JSON.stringify(Object.fromEntries(members.map((name) => [name, all[name]]))),
          loader: 'json',
        };
      });
    }
  },
};
