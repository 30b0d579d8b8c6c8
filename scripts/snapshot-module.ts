/**
 * Makes a wasm module whose data segments are a snapshot: the kernel's code, and instead of its data what memory held.
 * The segments are passive, and an added function `restore(clear)` puts them into memory; so one mechanism, at the
 * engine's own speed, fills fresh memory and overwrites a used one.
 */

import {
  concat,
  customSection,
  i32,
  readSections,
  readU32,
  SECTION,
  type Section,
  u32,
  writeSections,
} from './wasm-sections.ts';

interface Run {
  readonly at: number;
  readonly bytes: Uint8Array;
}

const I32 = 0x7f;
const OP = {
  if: 0x04,
  end: 0x0b,
  localGet: 0x20,
  i32Const: 0x41,
  i32Sub: 0x6b,
  i32Shl: 0x74,
  memorySize: 0x3f,
  prefix: 0xfc,
} as const;
const MEMORY_INIT = 8;
const MEMORY_FILL = 11;
const EMPTY_BLOCK = 0x40;
const SHIFT_WASM_PAGE = 16;
const FUNCTION_EXPORT = 0;

export function snapshotModule(vmlinux: Uint8Array, runs: readonly Run[]): Uint8Array<ArrayBuffer> {
  const sections = readSections(vmlinux);
  const typeIndex = count(sections, SECTION.type);
  const imported = importedFunctions(sections);
  const functionIndex = imported + count(sections, SECTION.function);
  const name = new TextEncoder().encode('restore');
  const out: Section[] = [];
  for (const section of sections) {
    switch (section.id) {
      case SECTION.custom:
      case SECTION.start: // clears .bss
      case SECTION.data:
      case SECTION.dataCount:
        break;
      case SECTION.type:
        out.push(append(section, Uint8Array.of(0x60, 1, I32, 0)));
        break;
      case SECTION.function:
        out.push(append(section, u32(typeIndex)));
        break;
      case SECTION.export:
        out.push(append(section, concat([u32(name.length), name, Uint8Array.of(FUNCTION_EXPORT), u32(functionIndex)])));
        break;
      case SECTION.code: {
        const body = restoreBody(runs);
        out.push({ id: SECTION.dataCount, body: u32(runs.length) });
        out.push(append(section, concat([u32(body.length), body])));
        break;
      }
      default:
        out.push(section);
    }
  }
  const segments = runs.flatMap(({ bytes }) => [Uint8Array.of(1), u32(bytes.length), bytes]);
  out.push({ id: SECTION.data, body: concat([u32(runs.length), ...segments]) });
  out.push(customSection('snapshot', u32(runs.length)));
  return writeSections(out);
}

/** `restore`: each run goes to its place; with `clear`, what lies between them becomes zeros. In one pass: memory moves through the caches once. */
function restoreBody(runs: readonly Run[]): Uint8Array {
  const code: Uint8Array[] = [];
  let end = 0;
  for (const [index, { at, bytes }] of runs.entries()) {
    if (at > end) code.push(clearTo(end, concat([Uint8Array.of(OP.i32Const), i32(at - end)])));
    code.push(
      concat([
        Uint8Array.of(OP.i32Const),
        i32(at),
        Uint8Array.of(OP.i32Const, 0, OP.i32Const),
        i32(bytes.length),
        Uint8Array.of(OP.prefix, MEMORY_INIT),
        u32(index),
        Uint8Array.of(0),
      ]),
    );
    end = at + bytes.length;
  }
  const memoryBytes = Uint8Array.of(OP.memorySize, 0, OP.i32Const, SHIFT_WASM_PAGE, OP.i32Shl);
  const rest = concat([memoryBytes, Uint8Array.of(OP.i32Const), i32(end), Uint8Array.of(OP.i32Sub)]);
  return concat([u32(0), ...code, clearTo(end, rest), Uint8Array.of(OP.end)]);
}

/** With `clear`: zeros from `start`, as many as `length` is code for. */
const clearTo = (start: number, length: Uint8Array): Uint8Array =>
  concat([
    Uint8Array.of(OP.localGet, 0, OP.if, EMPTY_BLOCK, OP.i32Const),
    i32(start),
    Uint8Array.of(OP.i32Const, 0),
    length,
    Uint8Array.of(OP.prefix, MEMORY_FILL, 0, OP.end),
  ]);

const find = (sections: readonly Section[], id: number): Section => {
  const section = sections.find((candidate) => candidate.id === id);
  if (!section) throw new Error(`the kernel has no section ${id}`);
  return section;
};

/** How many items a section's vector has. */
const count = (sections: readonly Section[], id: number): number => readU32(find(sections, id).body, 0).value;

/** One more item at the end of a section's vector. */
function append({ id, body }: Section, item: Uint8Array): Section {
  const { value, next } = readU32(body, 0);
  return { id, body: concat([u32(value + 1), body.subarray(next), item]) };
}

/** All imports but the memory are functions. */
const importedFunctions = (sections: readonly Section[]): number => count(sections, SECTION.import) - 1;
