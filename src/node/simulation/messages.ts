/** What the thread of a simulation and whoever asked for it tell each other. */

import type { Problem } from '../../errors/problem.ts';
import type { Sample } from '../../simulation/measure/sampler.ts';
import type { PlanOptions, RunOptions, SimulationRequest, TimedResult } from '../../simulation/simulate.ts';

/** What the thread is given. */
export interface Given {
  /** Compiled once a process. */
  readonly module: WebAssembly.Module;
  /** It has been planned: nothing is wrong with it. */
  readonly request: SimulationRequest;
  readonly options: PlanOptions;
  /** The bound that the plan was found within. */
  readonly mostMib: number;
  readonly deadlineMs: number | undefined;
  /** What somebody wants to hear of. */
  readonly hears: Readonly<Record<'sample' | 'progress' | 'capture', boolean>>;
}

/** What comes while it runs. Virtual time stands still until it is taken. */
export type Event =
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'progress'; readonly timeS: number }
  | { readonly kind: 'capture'; readonly index: number; readonly bytes: Uint8Array };

/** From the thread. */
export type Told =
  | (Event & { readonly id: number })
  /** The network is about to be built: from here on it may hear nothing. */
  | { readonly kind: 'begins' }
  | { readonly kind: 'alive' }
  | { readonly kind: 'ran'; readonly ran: TimedResult }
  /** Without a problem it is a fault of ours. */
  | { readonly kind: 'failed'; readonly problem?: Problem; readonly cause: unknown };

/** To the thread. */
export type Asked = { readonly kind: 'taken'; readonly id: number } | { readonly kind: 'alive?' };

export type Events = Pick<RunOptions, keyof Given['hears']>;
