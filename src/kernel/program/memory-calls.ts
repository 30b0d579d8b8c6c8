/** Calls on a program's mappings, which are the host's to answer: the kernel knows of none. As mmap(2) and its kin, as far as a memory without an MMU goes. */

import { errnos } from '../../abi/errno.ts';
import { syscalls } from '../../abi/syscalls.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_WRITE } from '../../abi/uapi/fs.ts';
import type { HostedTask } from '../hosted-task.ts';
import { PAGE, type Pages, pageAlign } from './pages.ts';
import type { ProgramMemory } from './program-memory.ts';

const EINVAL = -errnos.EINVAL.number;
const ENOMEM = -errnos.ENOMEM.number;
const ENODEV = -errnos.ENODEV.number;

/** linux/mman.h and asm-generic/mman-common.h. */
const MAP_SHARED = 1;
const MAP_SHARED_VALIDATE = 3;
const MAP_TYPE = 15;
const MAP_FIXED = 0x10;
const MREMAP_MAYMOVE = 1;
const MADV_DONTNEED = 4;
const MADV_LAST = 25;

/** A file is read in pieces, so that others get their turn. */
const PIECE = 1 << 20;

/** What such a call works on. */
export interface Mapped {
  readonly task: HostedTask;
  readonly memory: ProgramMemory;
  readonly pages: Pages;
}

const aligned = (at: number): boolean => at % PAGE === 0;
/** More than an address can say is more than there is. */
const isTooLong = (bytes: number): boolean => bytes < 0 || bytes > 0xffff_ffff - PAGE;

export type MappingCall = (program: Mapped, args: readonly number[]) => number | Promise<number>;

const mmap: MappingCall = (program, [at = 0, bytes = 0, prot = 0, flags = 0, fd = 0, page = 0]) => {
  const type = flags & MAP_TYPE;
  if (bytes === 0 || (type !== MAP_PRIVATE && type !== MAP_SHARED && type !== MAP_SHARED_VALIDATE)) return EINVAL;
  if (isTooLong(bytes)) return ENOMEM;
  const anonymous = (flags & MAP_ANONYMOUS) !== 0;
  if (type !== MAP_PRIVATE && (anonymous || prot & PROT_WRITE)) return ENODEV;
  if (flags & MAP_FIXED && !aligned(at)) return EINVAL;
  if (!anonymous) return mapFile(program, bytes, fd | 0, page * PAGE, flags & MAP_FIXED ? at : undefined);
  return flags & MAP_FIXED ? program.pages.mapAt(at, bytes) : program.pages.map(bytes);
};

/** A private mapping of a file as it is now; behind its end there are zeros. */
async function mapFile(
  { task, pages }: Mapped,
  bytes: number,
  fd: number,
  offset: number,
  at: number | undefined,
): Promise<number> {
  const to = at === undefined ? pages.map(bytes) : pages.mapAt(at, bytes);
  if (to < 0) return to;
  for (let done = 0; done < bytes; ) {
    const got = await task.syscall('pread64', fd, to + done, Math.min(bytes - done, PIECE), offset + done);
    if (got < 0) {
      pages.unmap(to, bytes);
      return got;
    }
    if (got === 0) break;
    done += got;
  }
  return to;
}

const munmap: MappingCall = ({ pages }, [at = 0, bytes = 0]) => {
  if (!aligned(at) || bytes === 0 || isTooLong(bytes)) return EINVAL;
  pages.unmap(at, bytes);
  return 0;
};

const mremap: MappingCall = ({ pages }, [at = 0, oldBytes = 0, newBytes = 0, flags = 0]) => {
  if (!aligned(at) || newBytes === 0 || oldBytes === 0 || flags & ~MREMAP_MAYMOVE) return EINVAL;
  if (isTooLong(newBytes) || isTooLong(oldBytes)) return ENOMEM;
  return pages.remap(at, oldBytes, newBytes, (flags & MREMAP_MAYMOVE) !== 0);
};

const madvise: MappingCall = ({ memory, pages }, [at = 0, bytes = 0, advice = 0]) => {
  if (!aligned(at) || isTooLong(bytes) || advice < 0 || advice > MADV_LAST) return EINVAL;
  const length = pageAlign(bytes);
  if (advice !== MADV_DONTNEED || length === 0) return 0;
  if (!pages.isMapped(at, length)) return ENOMEM;
  memory.bytes.fill(0, at, at + length);
  return 0;
};

/** What a memory cannot do and nobody misses: every page may be read and written, and none ever leaves. */
const nothing: MappingCall = (_, [at = 0]) => (aligned(at) ? 0 : EINVAL);
const always: MappingCall = () => 0;

/** By their numbers. */
export const memoryCalls: ReadonlyMap<number, MappingCall> = new Map<number, MappingCall>([
  // No break to move: an allocator that gets 0 goes on with mmap.
  [syscalls.brk[0], always],
  [syscalls.mmap2[0], mmap],
  [syscalls.munmap[0], munmap],
  [syscalls.mremap[0], mremap],
  [syscalls.madvise[0], madvise],
  [syscalls.mprotect[0], nothing],
  [syscalls.msync[0], nothing],
  [syscalls.mlock[0], always],
  [syscalls.mlock2[0], always],
  [syscalls.munlock[0], always],
  [syscalls.mlockall[0], always],
  [syscalls.munlockall[0], always],
]);
