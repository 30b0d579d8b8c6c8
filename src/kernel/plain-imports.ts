/** The imports of the kernel that neither suspend nor touch its tasks: its console, its command line, entropy and clocks. */

import { classifyPanic, KernelDead, withDeepStack } from './errors.ts';
import type { Host } from './host.ts';
import type { Console } from './log/console.ts';
import type { ImportHandlers } from './machine.ts';
import { type KernelMemory, ptr } from './memory.ts';
import type { Clock } from './time/clock.ts';

export interface PlainImportNeeds {
  readonly memory: KernelMemory;
  readonly console: Console;
  readonly clock: Clock;
  readonly host: Host;
  readonly commandLine: string;
  readonly die: (dead: KernelDead) => void;
}

type PlainImport = 'console_write' | 'panic' | 'command_line' | 'entropy' | 'clock_now' | 'clock_realtime';

export const plainImports = ({
  memory,
  console,
  clock,
  host,
  commandLine,
  die,
}: PlainImportNeeds): Pick<ImportHandlers, PlainImport> => ({
  console_write: (text, length) => console.append(memory.view(ptr(text), length)),
  panic: (text, length) => {
    const message = new TextDecoder().decode(memory.view(ptr(text), length));
    const log = console.tail();
    const dead = withDeepStack(() => new KernelDead(classifyPanic(message, log), `Kernel panic: ${message}`, log));
    die(dead);
    throw dead;
  },
  command_line: (to, max) => {
    const text = new TextEncoder().encode(commandLine).subarray(0, max);
    memory.write(ptr(to), text);
    return text.length;
  },
  entropy: (to, length) => {
    const bytes = new Uint8Array(length);
    host.entropy(bytes);
    memory.write(ptr(to), bytes);
  },
  clock_now: () => clock.wallNs(),
  clock_realtime: () => host.realtimeNs(),
});
