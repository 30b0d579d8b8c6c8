/** The function names that a wasm module carries in its custom section `name` (WebAssembly core specification, appendix). */

import { readSections, readU32, SECTION } from './wasm-sections.ts';

const FUNCTION_NAMES = 1;

/** By function index, imports first; a function without a name has "". */
export function functionNames(module: Uint8Array): string[] {
  const decoder = new TextDecoder();
  const names: string[] = [];
  for (const { id, body } of readSections(module)) {
    if (id !== SECTION.custom) continue;
    const { value: length, next } = readU32(body, 0);
    if (decoder.decode(body.subarray(next, next + length)) !== 'name') continue;
    for (let at = next + length; at < body.length; ) {
      const kind = body[at];
      const { value: size, next: start } = readU32(body, at + 1);
      if (kind === FUNCTION_NAMES) readMap(body.subarray(start, start + size));
      at = start + size;
    }
  }
  return Array.from(names, (name) => name ?? '');

  function readMap(map: Uint8Array): void {
    let { value: count, next: at } = readU32(map, 0);
    for (; count > 0; count--) {
      const index = readU32(map, at);
      const length = readU32(map, index.next);
      at = length.next + length.value;
      names[index.value] = decoder.decode(map.subarray(length.next, at));
    }
  }
}
