/** What a wasm module's functions take and give, by the names under which it imports and exports them. */

import { readSections, readU32, SECTION } from './wasm-sections.ts';

/** As the text format has it: "i32 i32 -> f64", "-> i32", "i32 ->". */
export type Signature = string;

const VALUE_TYPES: Readonly<Record<number, string>> = { 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64' };
const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;

/** Reads on from where it is. */
class Cursor {
  #at = 0;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  u32(): number {
    const { value, next } = readU32(this.#bytes, this.#at);
    this.#at = next;
    return value;
  }
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
  name(): string {
    const length = this.u32();
    this.#at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.#at - length, this.#at));
  }
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.u32() }, item);
  }
  /** Of a table or memory. */
  limits(): void {
    const hasMaximum = this.byte() & 1;
    this.u32();
    if (hasMaximum) this.u32();
  }
}

export function readSignatures(module: Uint8Array): {
  readonly imports: ReadonlyMap<string, Signature>;
  readonly exports: ReadonlyMap<string, Signature>;
} {
  const sections = readSections(module);
  const open = (id: number) => new Cursor(sections.find((section) => section.id === id)?.body ?? Uint8Array.of(0));
  const types = open(SECTION.type);
  const valueType = () => VALUE_TYPES[types.byte()] ?? '?';
  const signatures = types.list(() => {
    types.byte(); // 0x60: a function
    const [params, results] = [types.list(valueType), types.list(valueType)];
    return [...params, '->', ...results].join(' ');
  });

  const imports = new Map<string, Signature>();
  const functions: number[] = [];
  const importing = open(SECTION.import);
  importing.list(() => {
    importing.name();
    const name = importing.name();
    const kind = importing.byte();
    if (kind === KIND.function) {
      functions.push(importing.u32());
      imports.set(name, signatures[functions.at(-1) ?? -1] ?? '?');
      return;
    }
    if (kind !== KIND.memory) throw new Error(`import ${name} is neither a function nor a memory`);
    importing.limits();
  });

  const declaring = open(SECTION.function);
  functions.push(...declaring.list(() => declaring.u32()));
  const exports = new Map<string, Signature>();
  const exporting = open(SECTION.export);
  exporting.list(() => {
    const name = exporting.name();
    const kind = exporting.byte();
    const index = exporting.u32();
    if (kind === KIND.function) exports.set(name, signatures[functions[index] ?? -1] ?? '?');
  });
  return { imports, exports };
}
