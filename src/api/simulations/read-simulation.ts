/** A request of a simulation from whoever has one, JSON or JavaScript: what has not the form of one is told member by member. */

import { HostError } from '../../errors/host-error.ts';
import { jsonPath } from '../../errors/json-path.ts';
import type { SimulationRequest } from '../../simulation/simulate.ts';
import { simulation } from './schema.ts';

/** Throws `bad-simulation` with everything that is wrong. `deadline_ms`, which is of HTTP alone, is taken off. */
export function readSimulation(request: unknown): SimulationRequest {
  const parsed = simulation.safeParse(request);
  if (parsed.success) {
    const { deadline_ms: _, ...rest } = parsed.data;
    return rest as SimulationRequest; // what is left out is absent: the schema knows no `undefined`
  }
  const errors = parsed.error.issues.map(({ path, message, code }) => ({
    in: 'json',
    code,
    path: jsonPath(path),
    message,
  }));
  const words = errors.map(({ path, message }) => `${path || 'the request'}: ${message}`).join('; ');
  throw new HostError('bad-simulation', words, { members: { errors } });
}
