/** Sources one after another as one. */

import type { ByteSource } from '../byte-source.ts';
import { mapped, zeros } from './mapped.ts';
import { startsAt } from './search.ts';

/** A number among the parts is so many zeros. */
export function joined(name: string, parts: readonly (ByteSource | number)[]): ByteSource {
  const starts: number[] = [];
  let sizeBytes = 0;
  for (const part of parts) {
    starts.push(sizeBytes);
    sizeBytes += typeof part === 'number' ? part : part.sizeBytes;
  }
  return mapped({
    name,
    sizeBytes,
    find(offset) {
      const index = startsAt(starts, starts.length, offset); // of parts that begin at one place, the last is not empty
      const start = starts[index] ?? 0;
      const part = parts[index] ?? 0;
      const bytes = (starts[index + 1] ?? sizeBytes) - offset;
      return typeof part === 'number' ? zeros(bytes) : { kind: 'bytes', bytes, source: part, at: offset - start };
    },
  });
}
