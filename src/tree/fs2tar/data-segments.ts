/** Where a file's data is, as lseek(2) tells with SEEK_DATA and SEEK_HOLE. */

import { errnos } from '../../abi/errno.ts';
import { SEEK_DATA, SEEK_HOLE } from '../../abi/uapi/fs.ts';
import type { Segment } from '../../archive/tar/tar-writer.ts';
import { lseek } from '../../kernel/syscalls/file.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** A map of this many runs is 2 MiB of text at most. */
const MAX_SEGMENTS = 65_536;

/** Runs in ascending order. When there are too many, ever longer holes count as data: they read as zeros. */
class SegmentList {
  segments: Segment[] = [];
  #shortestHole = 1;

  add(segment: Segment): void {
    const last = this.segments.at(-1);
    if (last && segment.offset - (last.offset + last.length) < this.#shortestHole) {
      this.segments[this.segments.length - 1] = join(last, segment);
      return;
    }
    this.segments.push(segment);
    while (this.segments.length > MAX_SEGMENTS) this.#mergeShortHoles();
  }

  #mergeShortHoles(): void {
    this.#shortestHole *= 2;
    const segments = this.segments;
    this.segments = [];
    for (const segment of segments) this.add(segment);
  }
}

const join = (first: Segment, second: Segment): Segment => ({
  offset: first.offset,
  length: second.offset + second.length - first.offset,
});

/**
 * The runs of data of a file of `size` bytes; undefined when it has no holes or its file system does not tell. A failure is none to
 * tell of: what is damaged fails to be read, and of a file that mke2fs -d made of zeros with inline_data Linux finds no end of its data.
 */
export async function dataSegments(task: UserTask, fd: number, size: number): Promise<readonly Segment[] | undefined> {
  const list = new SegmentList();
  for (let at = 0; at < size; ) {
    const data = await lseek(task, fd, at, SEEK_DATA);
    if (data === -errnos.ENXIO.number) break; // nothing but a hole up to the end
    if (data < 0) return undefined;
    const hole = await lseek(task, fd, data, SEEK_HOLE);
    if (hole <= data) return undefined;
    const end = Math.min(hole, size);
    list.add({ offset: data, length: end - data });
    at = end;
  }
  const [first] = list.segments;
  return first?.length === size ? undefined : list.segments;
}
