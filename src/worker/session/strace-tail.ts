/** The last calls of a session, as strace -f shows them: whole lines, so many bytes of them. */

const MAX_BYTES = 64 * 1024;
/** Lines are let go when there are so many times as many as are shown: one at each would move all the others. */
const SLACK = 2;

export class StraceTail {
  readonly #lines: string[] = [];
  #bytes = 0;

  constructor(text = '') {
    for (const line of text.split('\n')) if (line !== '') this.append(line);
  }

  append(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length + 1;
    if (this.#bytes > SLACK * MAX_BYTES) this.#cut();
  }

  #cut(): void {
    let first = 0;
    while (this.#bytes > MAX_BYTES) this.#bytes -= (this.#lines[first++]?.length ?? 0) + 1;
    this.#lines.splice(0, first);
  }

  get text(): string {
    this.#cut();
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}
