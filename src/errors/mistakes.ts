/** Everything that is wrong with a request, in one error. */

import { HostError } from './host-error.ts';

/** A list of 100,000 that are all wrong in the same way is told of by its first ones. */
const MOST = 100;

interface Mistake {
  readonly path: string;
  readonly message: string;
}

/** With `members`, and a member `errors`: each as it is. `words` is how one stands in the sentence. */
export function mistakes<T extends Mistake>(
  kind: 'invalid-request' | 'bad-simulation' | 'bad-option',
  all: readonly T[],
  words: (one: T) => string = ({ path, message }) => `${path}: ${message}`,
  members: object = {},
): HostError {
  const shown = all.slice(0, MOST);
  const rest = all.length - shown.length;
  const detail = [...shown.map(words), ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
  return new HostError(kind, detail, { members: { ...members, errors: shown } });
}
