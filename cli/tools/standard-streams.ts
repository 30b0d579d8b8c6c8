/** Standard input, output and error of this process, for a program of the kernel: three pipes, or a terminal where this has one. */

import type { Streams, Surroundings } from '../../src/tools/workshop.ts';

export interface StandardStreams {
  readonly streams: Streams;
  readonly surroundings: Surroundings;
}

/** Runs `work` with them; afterwards a terminal is as it was. `isTyped`: a terminal is the program's. */
export async function withStandardStreams<T>(
  isTyped: boolean,
  work: (standard: StandardStreams) => Promise<T>,
): Promise<T> {
  if (!isTyped) return work({ streams: pipes(), surroundings: {} });
  const { stdin, stdout } = process;
  const resizes: (() => void)[] = [];
  stdin.setRawMode(true);
  try {
    return await work({
      streams: { stdin: chunksOf(stdin), stdout: (bytes) => written(stdout, bytes) },
      surroundings: {
        terminal: sizeOf(stdout),
        env: [`TERM=${process.env.TERM ?? 'linux'}`],
        started(program) {
          const resize = () => void program.resize(sizeOf(stdout));
          resizes.push(resize);
          stdout.on('resize', resize);
        },
      },
    });
  } finally {
    for (const resize of resizes) stdout.off('resize', resize);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

/** Whether somebody sits in front of this. */
export const isTerminal = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true;

const sizeOf = ({ columns, rows }: NodeJS.WriteStream) => ({ columns, rows });

const pipes = (): Streams => ({
  // Nobody types to a program that was not asked to hear.
  stdin: process.stdin.isTTY ? () => undefined : chunksOf(process.stdin),
  stdout: (bytes) => written(process.stdout, bytes),
  stderr: (bytes) => written(process.stderr, bytes),
});

function chunksOf(stream: NodeJS.ReadStream): () => Promise<Uint8Array | undefined> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return async () => {
    const { value, done } = await chunks.next();
    return done ? undefined : value;
  };
}

const written = (stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => stream.write(bytes, (cause) => (cause ? reject(cause) : resolve())));
