/** The last calls of a session, as strace -f shows them: whole lines, so many bytes of them. */

const MAX_BYTES = 64 * 1024;

export class StraceTail {
  readonly #lines: string[] = [];
  #bytes = 0;

  constructor(text = '') {
    for (const line of text.split('\n')) if (line !== '') this.append(line);
  }

  append(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length + 1;
    while (this.#bytes > MAX_BYTES) this.#bytes -= (this.#lines.shift()?.length ?? 0) + 1;
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}
