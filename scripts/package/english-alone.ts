/** For esbuild: of zod's 60 languages only English goes into a bundle, as no message of ours is in another. */

import type { Plugin } from 'esbuild';

/** The namespace `z` has a member for them all, so that a bundler cannot see which of them are used: 300 kB in each bundle. */
export const englishAlone: Plugin = {
  name: 'english-alone',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};
