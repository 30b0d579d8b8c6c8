/** The tools in a page: fetched one by one, in the moment in which Linux executes the first of its kind. */

import type { Toolbox, ToolDescription } from '../tools/toolbox.ts';

/**
 * `folder`: where tools.json and the modules lie. For a Web Worker: the kernel wants the module at once, in the middle of an exec, and
 * only there a request may be waited for so. A file that cannot be had is a program that is not there.
 */
export async function browserToolbox(folder: URL): Promise<Toolbox> {
  const answer = await fetch(new URL('tools.json', folder));
  if (!answer.ok)
    throw new Error(`${answer.url} answered ${answer.status}: this page was put together without the tools`);
  const { tools } = (await answer.json()) as { readonly tools: readonly ToolDescription[] };
  const names = new Set(tools.map(({ name }) => name));
  const loaded = new Map<string, WebAssembly.Module>();
  return {
    tools,
    module(name) {
      if (!names.has(name)) return undefined;
      const module = loaded.get(name) ?? load(new URL(`${name}.wasm`, folder));
      if (module) loaded.set(name, module);
      return module;
    },
  };
}

function load(url: URL): WebAssembly.Module | undefined {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.responseType = 'arraybuffer';
  try {
    request.send();
    return request.status === 200 ? new WebAssembly.Module(request.response as ArrayBuffer) : undefined;
  } catch {
    return undefined; // no network
  }
}
