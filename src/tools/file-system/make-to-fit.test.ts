import { expect, it } from 'vitest';
import { makeToFit } from './make-to-fit.ts';
import type { TreeMeasure } from './tree-measure.ts';

const small: TreeMeasure = { entries: 1, bytes: 4096, linkBytes: 0, attributeBytes: 0 };

it.each([
  ['small files', 'ext4', small, [], false],
  ['a long symlink', 'ext4', { ...small, linkBytes: 1024 }, [], true],
  ['many attributes', 'ext2', { ...small, attributeBytes: 1900 }, [], true],
  ['many attributes and blocks that were asked for', 'ext4', { ...small, attributeBytes: 1900 }, ['-b1024'], false],
  ['many attributes', 'xfs', { ...small, attributeBytes: 1900 }, [], false],
] as const)('of %s an %s has larger blocks where it needs them', async (_, type, measure, more, isLarger) => {
  const asked: string[] = [];
  await makeToFit({ type, measure, more }, async (_bytes, words) => {
    asked.push(words.join(' '));
    return 0;
  });
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.every((words) => words.includes('-b 4096'))).toBe(isLarger);
});
