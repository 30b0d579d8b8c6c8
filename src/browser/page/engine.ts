/** The page's side of the Web Worker that the engine lives in. */

import { type Remote, wrap } from 'comlink';
import type { Explorer } from '../explorer.ts';
import type { Networks } from '../network.ts';
import type { Shell } from '../shell.ts';
import type { PageApi } from '../worker.ts';

export type RemoteExplorer = Remote<Explorer>;
export type RemoteShell = Remote<Shell>;
export type RemoteNetworks = Remote<Networks>;
export type RemoteApi = Remote<PageApi>;

export function startEngine(): RemoteApi {
  // Beside the page, wherever a bundler puts this.
  const worker = new Worker(new URL('engine.js', document.baseURI), { type: 'module' });
  return wrap<PageApi>(worker);
}

export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
