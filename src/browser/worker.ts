/** The Web Worker of the page: the engine lives here, so that the page never waits for it. */

import { expose, type ProxyMarked, proxy } from 'comlink';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import type { Toolbox } from '../tools/toolbox.ts';
import { browserDecoders } from './decoders.ts';
import { browserLinux } from './engine.ts';
import { Explorer } from './explorer.ts';
import { Networks } from './network.ts';
import { browserToolbox } from './toolbox.ts';

const asset = (name: string) => new URL(name, self.location.href);

async function start() {
  const [engine, xzModule] = await Promise.all([
    browserLinux({ kernel: asset('kernel.wasm'), snapshot }),
    WebAssembly.compileStreaming(fetch(asset('xz.wasm'))),
  ]);
  return { engine, decoders: browserDecoders(xzModule) };
}
const started = start();
started.catch(() => {}); // whoever asks for something hears it

let toolbox: Promise<Toolbox> | undefined;
/** Asked for by the first shell: the page without one fetches nothing of it. */
function tools(): Promise<Toolbox> {
  toolbox ??= browserToolbox(asset('tools/'));
  toolbox.catch(() => {
    toolbox = undefined;
  });
  return toolbox;
}

const api = {
  /** Settles once the kernel is there. */
  async ready(): Promise<void> {
    await started;
  },
  async explorer(): Promise<Explorer & ProxyMarked> {
    const { engine, decoders } = await started;
    return proxy(new Explorer(engine, decoders, tools));
  },
  async networks(): Promise<Networks & ProxyMarked> {
    return proxy(new Networks((await started).engine));
  },
};

export type PageApi = typeof api;

expose(api);
