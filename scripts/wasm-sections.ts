/** Reads and writes the sections of a wasm module (WebAssembly core specification, binary format, 5.5). */

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Unsigned LEB128. */
export function u32(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return Uint8Array.from(bytes);
}

/** Signed LEB128 of an i32. */
export function i32(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) return Uint8Array.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

export const concat = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** The unsigned LEB128 at `at`, and where it ends. */
export function readU32(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let next = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[next++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (!(byte & 0x80)) return { value: value >>> 0, next };
  }
}

export function readSections(wasm: Uint8Array): Section[] {
  const sections: Section[] = [];
  let at = HEADER.length;
  while (at < wasm.length) {
    const { value: size, next } = readU32(wasm, at + 1);
    sections.push({ id: wasm[at] ?? 0, body: wasm.subarray(next, next + size) });
    at = next + size;
  }
  return sections;
}

export const writeSections = (sections: readonly Section[]): Uint8Array<ArrayBuffer> =>
  concat([HEADER, ...sections.flatMap(({ id, body }) => [Uint8Array.of(id), u32(body.length), body])]);

/** A custom section. */
export function customSection(name: string, content: Uint8Array): Section {
  const text = new TextEncoder().encode(name);
  return { id: SECTION.custom, body: concat([u32(text.length), text, content]) };
}
