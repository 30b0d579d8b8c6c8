/** The end of what a command has said. */

/** Until whoever reads this has all of it: to exit is to drop what a pipe had no room for. */
export async function allWritten(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
