/** xz streams, decoded by XZ Embedded (Lasse Collin, Igor Pavlov) as the npm package xz-decompress compiles it to wasm. */

/** One decoder's state, as its `create_context` lays it out: 32-bit words, and buffers of `bufferBytes` that they point to. */
const word = { bufferBytes: 0, input: 1, inputAt: 2, inputEnd: 3, output: 4, outputEnd: 5 } as const;

interface XzExports {
  readonly memory: WebAssembly.Memory;
  create_context(): number;
  /** Zero bytes mean that there is no more. */
  supply_input(context: number, bytes: number): void;
  get_next_output(context: number): number;
}

/** enum xz_ret of XZ Embedded's xz.h. */
const OK = 0;
const STREAM_END = 1;
/** It was asked twice, and had neither bytes to read nor any to give. */
const BUF_ERROR = 8;
const failures: Record<number, string> = {
  3: 'out of memory',
  4: 'its dictionary is larger than 64 MiB',
  5: 'something that is no stream follows a whole one: cut it off, and that is read',
  6: 'it uses a filter or a checksum this decoder does not have (LZMA2 with none, CRC32 or CRC64 is what it has)',
  7: 'corrupt',
  8: 'corrupt',
};

/** Blocks, concatenated streams and stream padding are all read as one file, as xz(1) does. */
export async function* unxz(
  source: AsyncIterable<Uint8Array>,
  module: WebAssembly.Module,
): AsyncGenerator<Uint8Array, void> {
  // Its memory cannot shrink, so each file has a fresh instance.
  const xz = new WebAssembly.Instance(module).exports as unknown as XzExports;
  const context = xz.create_context();
  const words = () => new Uint32Array(xz.memory.buffer, context);
  const at = (index: number) => words()[index] ?? 0;
  const bufferBytes = at(word.bufferBytes);

  /** What the input buffer's bytes decode to; answers whether the file ended. */
  function* output(): Generator<Uint8Array, boolean> {
    for (;;) {
      const result = xz.get_next_output(context);
      // Where what came filled the output to its last byte, there was nothing more to give: what is missing has yet to come.
      if (result === BUF_ERROR && at(word.inputAt) === at(word.inputEnd)) return false;
      if (result !== OK && result !== STREAM_END) throw new Error(failures[result] ?? `xz error ${result}`);
      const produced = at(word.outputEnd);
      if (produced > 0) yield new Uint8Array(xz.memory.buffer, at(word.output), produced).slice();
      words()[word.outputEnd] = 0;
      if (result === STREAM_END) return true;
      if (at(word.inputAt) === at(word.inputEnd) && produced < bufferBytes) return false;
    }
  }

  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; from += bufferBytes) {
      const piece = chunk.subarray(from, from + bufferBytes);
      new Uint8Array(xz.memory.buffer).set(piece, at(word.input));
      xz.supply_input(context, piece.length);
      yield* output();
    }
  }
  xz.supply_input(context, 0);
  if (!(yield* output())) throw new Error('it ends too early');
}
