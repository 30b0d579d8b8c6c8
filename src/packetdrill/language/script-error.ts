/** A script of packetdrill is wrong, or did not go as it says. */

export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly line: number | undefined;
  /** Of that line, from 1: where the text is wrong. */
  readonly column: number | undefined;

  constructor(message: string, line?: number, column?: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** Where in a text something is, both from 1. */
export function placeIn(text: string, at: number): readonly [line: number, column: number] {
  const lines = text.slice(0, at).split('\n');
  return [lines.length, (lines.at(-1)?.length ?? 0) + 1];
}
