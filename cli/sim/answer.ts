/** What a simulation answers, whoever ran it, and what its runner is asked. */

import type { DrawnSample } from '../../src/simulation/report/series.ts';
import type { SimulationResult } from '../../src/simulation/run/run.ts';

export type SimulationEnd = SimulationResult & { readonly wall_s?: number };

export interface SimulationAnswer {
  readonly end: SimulationEnd;
  readonly samples: readonly DrawnSample[];
}

export interface RunRequest {
  /** The file, with what the command line adds. */
  readonly network: Readonly<Record<string, unknown>>;
  readonly deadlineS: number | undefined;
  /** Of the kernel, where it is one of this machine. */
  readonly memoryMib: number | undefined;
  /** There are to be samples, also where the network names no interval. */
  readonly sampled: boolean;
  readonly progress: (virtualS: number) => void;
  /** The next bytes of the capture with this index. Undefined: nobody wants any. */
  readonly capture: ((index: number, bytes: Uint8Array) => void) | undefined;
}

export type RunSimulation = (request: RunRequest) => Promise<SimulationAnswer>;

/** `virtualS`: how far it came, where it had begun. */
export const tooLate = (deadlineS: number, virtualS: unknown): string =>
  `not done after the ${deadlineS} s of --deadline: ${typeof virtualS === 'number' ? `it had come to ${Number(virtualS.toPrecision(3))} s of virtual time` : 'its network was not ready'}`;
