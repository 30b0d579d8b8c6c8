/** Simulations as a page asks for them: the JSON of POST /v1/simulations in, samples as they come, the answer at the end. */

import { inWords, readAs } from '../api/invalid/invalid.ts';
import { answerOf, simulation } from '../api/simulations/schema.ts';
import type { Linux } from '../linux.ts';
import type { ReportedAnswer } from '../simulation/report/answer.ts';
import type { DrawnSample } from '../simulation/report/series.ts';
import type { SimulationRequest } from '../simulation/simulate.ts';

/** What is shown of the answer. */
export type NetworkEnd = Pick<ReportedAnswer, 'flows' | 'links' | 'warnings' | 'error'>;

export class Networks {
  readonly #engine: Linux;
  #running: AbortController | undefined;

  constructor(engine: Linux) {
    this.#engine = engine;
  }

  /** Rejects with everything that is wrong with the text, each by its place in it. Ends the one that runs. */
  async simulate(text: string, sample: (sample: DrawnSample) => void | Promise<void>): Promise<NetworkEnd> {
    this.stop();
    const { deadline_ms: _, ...request } = validated(text);
    const running = new AbortController();
    this.#running = running;
    // What JSON leaves out is absent: there is no `undefined` in it.
    const planned = this.#engine.simulations.plan(request as SimulationRequest, { sampled: true });
    try {
      return answerOf(await planned.run({ signal: running.signal, sample }), '1');
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  stop(): void {
    this.#running?.abort(new Error('Stopped.'));
  }
}

function validated(text: string) {
  const read = readAs(simulation, JSON.parse(text));
  if ('data' in read) return read.data;
  throw new Error(inWords(read.invalid, 'the network').join('\n'));
}
