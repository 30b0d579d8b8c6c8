/** A request of a simulation from whoever has one, JSON or JavaScript: what has not the form of one is told member by member. */

import { mistakes } from '../../errors/mistakes.ts';
import type { SimulationRequest } from '../../simulation/simulate.ts';
import { inWords, readAs } from '../invalid/invalid.ts';
import { simulation } from './schema.ts';

/** Throws `bad-simulation` with everything that is wrong. `deadline_ms`, which is of HTTP alone, is taken off. */
export function readSimulation(request: unknown): SimulationRequest {
  const read = readAs(simulation, request);
  if ('data' in read) {
    const { deadline_ms: _, ...rest } = read.data;
    return rest as SimulationRequest; // what is left out is absent: the schema knows no `undefined`
  }
  const errors = read.invalid.map((one) => ({ in: 'json', ...one }));
  throw mistakes('bad-simulation', errors, (error) => inWords([error], 'the request').join());
}
