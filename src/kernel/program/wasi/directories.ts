/** fd_readdir: entries of a directory, of which the last may be cut where the buffer ends. */

import { SEEK_SET } from '../../../abi/uapi/fs.ts';
import { plus, ptr } from '../../memory.ts';
import { SUCCESS, wasiErrno } from './errno.ts';
import { llseek } from './files.ts';
import { FILETYPE } from './filestat.ts';
import { answerU32, mustHave, STRUCT_BYTES, structAt, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** struct linux_dirent64 */
const DIRENT64 = { ino: 0, off: 8, reclen: 16, type: 18, name: 19 };
/** __wasi_dirent_t, before the name. */
const DIRENT = { next: 0, ino: 8, nameLength: 16, type: 20, bytes: 24 };
/** DT_* of dirent.h. */
const TYPES = new Map<number, number>([
  [2, FILETYPE.character],
  [4, FILETYPE.directory],
  [6, FILETYPE.block],
  [8, FILETYPE.regular],
  [10, FILETYPE.symlink],
  [12, FILETYPE.stream],
]);

/** One entry as WASI has it. */
function entryAt({ memory }: WasiProgram, at: number, length: number): Uint8Array {
  const nameAt = at + DIRENT64.name;
  const end = memory.bytes.indexOf(0, nameAt);
  const name = memory.copy(ptr(nameAt), Math.min(end, at + length) - nameAt);
  const entry = new Uint8Array(DIRENT.bytes + name.length);
  const data = new DataView(entry.buffer);
  data.setBigUint64(DIRENT.next, memory.u64(ptr(at + DIRENT64.off)), true);
  data.setBigUint64(DIRENT.ino, memory.u64(ptr(at + DIRENT64.ino)), true);
  data.setUint32(DIRENT.nameLength, name.length, true);
  entry[DIRENT.type] = TYPES.get(memory.u8(ptr(at + DIRENT64.type))) ?? FILETYPE.unknown;
  entry.set(name, DIRENT.bytes);
  return entry;
}

export const directoryCalls = {
  async fd_readdir(program: WasiProgram, fd: number, buffer: number, bytes: number, cookie: bigint, out: number) {
    const { memory } = program;
    const to = ptr(buffer);
    const room = bytes >>> 0;
    mustHave(memory, to, room);
    const sought = await llseek(program, fd, cookie, SEEK_SET);
    if (sought < 0) return wasiErrno(sought);
    const from = structAt(program);
    let used = 0;
    while (used < room) {
      const got = await program.syscall('getdents64', fd, from, STRUCT_BYTES);
      if (got < 0) return wasiErrno(got);
      if (got === 0) break;
      for (let at = from as number; at < from + got && used < room; ) {
        const length = memory.u16(ptr(at + DIRENT64.reclen));
        const entry = entryAt(program, at, length).subarray(0, room - used);
        memory.write(plus(to, used), entry);
        used += entry.length;
        at += length;
      }
    }
    answerU32(memory, out, used);
    return SUCCESS;
  },
} as const satisfies Readonly<Record<string, WasiCall>>;
