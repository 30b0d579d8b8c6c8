/** One hostile idea: what it does, and what it found that must not be. */

import type { Ask } from '../client.ts';

export interface Target {
  readonly url: URL;
  /** Who attacks. */
  readonly ask: Ask;
  /** Whose images and sessions are there to be reached. */
  readonly victim: Ask;
  /** An image that is the victim's, and one that is the attacker's own. */
  readonly theirs: string;
  readonly own: string;
  /** A session of the victim's. */
  readonly session: string;
}

export interface Probe {
  readonly name: string;
  /** Tells of each thing that must not be. */
  run(target: Target, found: (what: string) => void): Promise<void>;
}

/** A status that a client may be answered, whatever it sends. */
export const isRefusal = (status: number): boolean => (status >= 400 && status < 500) || status === 503;

export const problemOf = async (answer: Response): Promise<string> =>
  `${answer.status} ${(await answer.text()).slice(0, 200)}`;
