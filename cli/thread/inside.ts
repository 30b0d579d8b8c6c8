/** The thread of a command: its standard streams are like those of a process, terminals included. */

import { parentPort, workerData } from 'node:worker_threads';
import { awaitKernelModule } from '../../src/node/kernel-module.ts';
import { watchLeft } from '../../src/node/left-behind.ts';
import type { Asked, Ends, Standard, Told } from './messages.ts';

/** Before anything looks at the streams of this thread. */
export function inside(): void {
  const port = parentPort;
  if (!port) throw new Error('this is no thread');
  const tell = (told: Told) => port.postMessage(told);
  const { stdin, stdout, stderr } = workerData as Standard;
  Object.assign(process.stdin, {
    isTTY: stdin.isTerminal,
    setRawMode(isRaw: boolean) {
      tell({ kind: 'raw', isRaw });
      return process.stdin;
    },
  });
  Object.assign(process.stdout, asStream(stdout));
  Object.assign(process.stderr, asStream(stderr));
  // Not before: what this command does not read is for the next one.
  const read = process.stdin._read;
  let reads = false;
  process.stdin._read = function (size) {
    if (!reads) tell({ kind: 'reads' });
    reads = true;
    read.call(this, size);
  };
  watchLeft((left) =>
    tell({ kind: 'left', paths: [...left].flatMap((one) => (typeof one === 'function' ? [] : [one.path])) }),
  );
  const kernel = Promise.withResolvers<WebAssembly.Module>();
  awaitKernelModule(kernel.promise);
  port.on('message', (asked: Asked) => {
    switch (asked.kind) {
      case 'alive?':
        return tell({ kind: 'alive' });
      case 'kernel':
        if (asked.module) kernel.resolve(asked.module);
        else kernel.reject(new Error('there is none'));
        return;
      case 'resize':
        Object.assign(process.stdout, asStream(asked.stdout));
        Object.assign(process.stderr, asStream(asked.stderr));
        process.stdout.emit('resize');
    }
  });
  port.unref();
}

const asStream = ({ isTerminal, columns, rows }: Ends) => ({ isTTY: isTerminal, columns, rows });
