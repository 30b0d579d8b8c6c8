/** A world that a seed decides: with it and the virtual clock, a kernel does the same every time. */

import { fnv1a, seededWords } from '../../bytes/seeded-words.ts';
import type { Host } from '../host.ts';

/** When a seeded kernel believes to start: 2026-01-01T00:00:00Z. */
const EPOCH_NS = 1_767_225_600 * 1e9;

/** `host`, but for randomness and the date, which `seed` decides. */
export function seededHost(host: Host, seed: string): Host {
  return { ...host, entropy: seededEntropy(seed), realtimeNs: () => EPOCH_NS, isRepeatable: true };
}

/** For repeatable runs, not for secrets: who knows the seed knows every key that the kernel makes. */
function seededEntropy(seed: string): Host['entropy'] {
  // 64 bits of the seed: as number and as stream.
  const next = seededWords(fnv1a(`seed:${seed}`), seed);
  return (into) => {
    for (let at = 0; at < into.length; at += 4) {
      const word = next();
      for (let byte = at; byte < Math.min(at + 4, into.length); byte++) into[byte] = word >>> (8 * (byte - at));
    }
  };
}
