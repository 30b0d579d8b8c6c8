/** miniflare, with room for what a kernel's Worker is. */

import { registerHooks } from 'node:module';

/** By how much the buffer grows that miniflare (its library capnp-es) writes workerd's configuration into. */
export const growth = /\bMIN_SINGLE_SEGMENT_GROWTH = 4096\b/;
const MORE_BYTES = 16 * 2 ** 20;

/**
 * With a kernel and its tools in it the configuration has 25 MB. A buffer that grows by 4 KiB at a time is copied whole a hundred
 * times for what comes behind them: 3 to 4 seconds of each start. There is no setting for it, so the number is another as miniflare
 * is loaded; a version that has no such line is loaded as it is.
 */
export async function loadMiniflare(): Promise<typeof import('miniflare')> {
  const hooks = registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!loaded.source || !url.endsWith('/miniflare/dist/src/index.js')) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: source.replace(growth, `MIN_SINGLE_SEGMENT_GROWTH = ${MORE_BYTES}`) };
    },
  });
  try {
    return await import('miniflare');
  } finally {
    hooks.deregister();
  }
}
