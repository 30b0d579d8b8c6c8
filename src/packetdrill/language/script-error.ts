/** A script of packetdrill is wrong, or did not go as it says. */

export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}
