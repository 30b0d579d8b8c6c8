/**
 * Programs read clocks without a system call, by code that the machine's kernel maps into each of them (vdso(7)). Where their time is our kernel's that
 * code is overwritten in them with the plain calls, which are then caught.
 */

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** auxv: where the code lies. */
const AT_SYSINFO_EHDR = 33;
const SHT_DYNSYM = 11;

/** Name in the vDSO, and a call by its number, then a return. */
const plain: readonly (readonly [name: string, code: Uint8Array])[] =
  process.arch === 'arm64'
    ? [
        ['__kernel_clock_gettime', onArm(113)],
        ['__kernel_gettimeofday', onArm(169)],
      ]
    : [
        ['__vdso_clock_gettime', onX64(228)],
        ['__vdso_gettimeofday', onX64(96)],
        ['__vdso_time', onX64(201)],
      ];

/** mov eax, number; syscall; ret */
function onX64(number: number): Uint8Array {
  return Uint8Array.of(0xb8, number & 0xff, number >> 8, 0, 0, 0x0f, 0x05, 0xc3);
}

/** mov x8, #number; svc #0; ret */
function onArm(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(0xd280_0008 | (number << 5), 0xd400_0001, 0xd65f_03c0).buffer);
}

/** What is written where, from the beginning of the code; the same in all processes of this machine. */
let patches: readonly (readonly [offset: number, code: Uint8Array])[] | undefined;

/** From now on this process reads no clock without a call. Answers false where that cannot be. */
export function readClocksByCalls(pid: number): boolean {
  try {
    const base = baseIn(readFileSync(`/proc/${pid}/auxv`));
    if (base === undefined) return true; // it has no such code
    const memory = openSync(`/proc/${pid}/mem`, 'r+');
    try {
      patches ??= patchesOf(readOwn());
      for (const [offset, code] of patches) writeSync(memory, code, 0, code.length, base + offset);
      return true;
    } finally {
      closeSync(memory);
    }
  } catch {
    return false;
  }
}

function baseIn(auxv: Uint8Array): number | undefined {
  const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
  for (let at = 0; at + 16 <= auxv.length; at += 16) {
    if (view.getBigUint64(at, true) === BigInt(AT_SYSINFO_EHDR)) return Number(view.getBigUint64(at + 8, true));
  }
  return undefined;
}

/** The vDSO of this process. */
function readOwn(): DataView {
  const [, from = '0', to = '0'] =
    /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? [];
  const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
  const bytes = new Uint8Array(end - start);
  const memory = openSync('/proc/self/mem', 'r');
  try {
    readSync(memory, bytes, 0, bytes.length, start);
  } finally {
    closeSync(memory);
  }
  return new DataView(bytes.buffer);
}

/** By the dynamic symbols of an ELF file of 64 bits (elf(5)). */
function patchesOf(elf: DataView): NonNullable<typeof patches> {
  const word = (at: number) => Number(elf.getBigUint64(at, true));
  const [sections, size, count] = [word(40), elf.getUint16(58, true), elf.getUint16(60, true)];
  const found: [number, Uint8Array][] = [];
  for (let i = 0; i < count; i++) {
    const header = sections + size * i;
    if (elf.getUint32(header + 4, true) !== SHT_DYNSYM) continue;
    const [symbols, bytes, entry] = [word(header + 24), word(header + 32), word(header + 56)];
    const names = word(sections + size * elf.getUint32(header + 40, true) + 24);
    for (let at = symbols; at < symbols + bytes; at += entry) {
      const code = plain.find(([name]) => isAt(elf, names + elf.getUint32(at, true), name))?.[1];
      if (code) found.push([word(at + 8), code]);
    }
  }
  return found;
}

function isAt(elf: DataView, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (elf.getUint8(at + i) !== name.charCodeAt(i)) return false;
  return elf.getUint8(at + name.length) === 0;
}
