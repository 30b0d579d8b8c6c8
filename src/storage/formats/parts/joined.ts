/** Sources one after another as one. */

import { type ByteSource, checkBytes } from '../../byte-source.ts';
import { mapped, zeros } from './mapped.ts';
import { startsAt } from './search.ts';

/** A number among the parts is so many zeros. Written where all parts can be. */
export function joined(name: string, parts: readonly (ByteSource | number)[]): ByteSource {
  const starts: number[] = [];
  let sizeBytes = 0;
  for (const part of parts) {
    starts.push(sizeBytes);
    sizeBytes += typeof part === 'number' ? part : part.sizeBytes;
  }
  const disk = mapped({
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
  const sources = parts.filter((part) => typeof part !== 'number');
  if (sources.length < parts.length || !sources.every(({ write }) => write)) return disk;
  return {
    ...disk,
    async write(offset, from) {
      checkBytes({ sizeBytes }, offset, from.length);
      for (const [i, source] of sources.entries()) {
        const start = starts[i] ?? 0;
        const [begin, end] = [Math.max(offset, start), Math.min(offset + from.length, start + source.sizeBytes)];
        if (begin < end) await source.write?.(begin - start, from.subarray(begin - offset, end - offset));
      }
    },
    async flush() {
      for (const source of sources) await source.flush?.();
    },
  };
}
