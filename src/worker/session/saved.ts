/** A suspended kernel, what was written to its disks and what was said so far, as named parts and back. */

import type { SavedTask } from '../../batch/kept/kept-tasks.ts';
import type { PreparedKernel } from '../../batch/kernel-setup.ts';
import { concat } from '../../bytes/concat.ts';
import type { Suspended } from '../../kernel/snapshot/suspend.ts';
import { SECTOR } from '../../storage/block-device.ts';
import type { Overlay } from '../../storage/layers/overlay.ts';
import { fromJson, type Parts, toJson } from './store.ts';

interface KernelPart {
  readonly buildId: string;
  readonly state: Suspended['state'];
  readonly pages: readonly number[];
}

export interface Texts {
  /** The end of the kernel's log. */
  readonly console: string;
  /** The last calls. */
  readonly strace: string;
}

export const textParts = (texts: Texts): [keyof Texts, Uint8Array][] => [
  ['console', new TextEncoder().encode(texts.console)],
  ['strace', new TextEncoder().encode(texts.strace)],
];

export const textIn = (part: Uint8Array | undefined): string => new TextDecoder().decode(part);

export function partsOf(
  suspended: Suspended,
  buildId: string,
  { disks }: Pick<PreparedKernel, 'disks'>,
  texts: Texts,
  tasks: readonly SavedTask[],
): Map<string, Uint8Array> {
  const { state, pages, bytes } = suspended;
  const kernel: KernelPart = { buildId, state, pages };
  const parts = new Map([['kernel', toJson(kernel)], ['pages', bytes], ['tasks', toJson(tasks)], ...textParts(texts)]);
  for (const [index, { upper }] of disks.entries()) {
    const extents = upper === undefined ? [] : [...upper.dirty()];
    parts.set(`disk ${index}`, toJson(extents.map(({ sector, bytes }) => [sector, bytes.length / SECTOR])));
    parts.set(`disk ${index} sectors`, concat(extents.map(({ bytes }) => bytes)));
  }
  return parts;
}

/** The named tasks that were stored. */
export const tasksIn = (parts: Parts): readonly SavedTask[] => {
  const tasks = parts.get('tasks');
  return tasks ? fromJson(tasks) : [];
};

/** Undefined when there is none, or one of another kernel than `buildId`. */
export function suspendedOf(parts: Parts, buildId: string): Suspended | undefined {
  const kernel = parts.get('kernel');
  const bytes = parts.get('pages');
  if (kernel === undefined || bytes === undefined) return undefined;
  const { state, pages, buildId: made } = fromJson<KernelPart>(kernel);
  return made === buildId ? { state, pages, bytes } : undefined;
}

/** Write back what a disk had. */
export function fillUpper(upper: Overlay, parts: Parts, index: number): void {
  const extents = fromJson<[sector: number, sectors: number][]>(parts.get(`disk ${index}`) ?? toJson([]));
  const bytes = parts.get(`disk ${index} sectors`) ?? new Uint8Array(0);
  let at = 0;
  for (const [sector, sectors] of extents) {
    upper.write(sector, bytes.subarray(at, at + sectors * SECTOR));
    at += sectors * SECTOR;
  }
}
