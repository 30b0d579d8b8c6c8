import { expect, it } from 'vitest';
import { KERN_ERR } from '../../kernel/log/kernel-log.ts';
import { errorsIn } from './logged-errors.ts';

it('what a driver notes at each mount of a volume that lacks nothing is no error', () => {
  const note = 'BFS-fs: bfs_fill_super(): NOTE: filesystem vda was created with 512 inodes, the real maximum is 511';
  const error = 'BFS-fs: bfs_fill_super(): Inode 0x00000003 corrupted';
  const records = [note, error].map((message) => ({ level: KERN_ERR, message }));
  expect([...errorsIn(records)]).toEqual([error]);
});
