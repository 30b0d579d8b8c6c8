/** Reads the syscall table of our kernel, with argument names and types, from the Linux source. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The ABI columns of scripts/syscall.tbl that a 32-bit arch on the generic table selects, time32 and stat64 included. */
const abis = new Set(['common', '32', 'time32', 'stat64', 'rlimit']);

/** Where Linux defines syscalls; arch code only adds the calls below. */
const folders = ['fs', 'kernel', 'mm', 'net', 'ipc', 'io_uring', 'block', 'security', 'drivers/char', 'drivers/pci'];

/** What arch/lkl defines itself: the page offset of mmap2 is in units of 4096 bytes, as everywhere. */
const archCalls: Record<string, Argument[]> = {
  mmap2: [
    ['addr', 'unsigned long'],
    ['len', 'unsigned long'],
    ['prot', 'unsigned long'],
    ['flags', 'unsigned long'],
    ['fd', 'unsigned long'],
    ['pgoff', 'unsigned long'],
  ],
  rt_sigreturn: [],
};

export type Argument = readonly [name: string, type: string];
export interface Syscall {
  readonly name: string;
  readonly number: number;
  /** Undefined: the number is reserved, the call answers ENOSYS. */
  readonly arguments: readonly Argument[] | undefined;
}

/** Every row of the table, by number. */
export function readSyscalls(linux: string): Syscall[] {
  const definitions = readDefinitions(linux);
  const rows: Syscall[] = [];
  for (const line of readFileSync(join(linux, 'scripts/syscall.tbl'), 'utf8').split('\n')) {
    const [number, abi, name, entry] = line.split(/\s+/);
    if (abi === undefined || name === undefined || entry === undefined || !abis.has(abi)) continue;
    const symbol = entry.replace(/^sys_/, '');
    const found = symbol === 'ni_syscall' ? undefined : (archCalls[symbol] ?? definitions.get(symbol));
    if (found === undefined && symbol !== 'ni_syscall') throw new Error(`${name}: no definition of ${entry}`);
    rows.push({ name, number: Number(number), arguments: found });
  }
  return rows;
}

/** All SYSCALL_DEFINEn() of the source: name without sys_ → arguments. */
function readDefinitions(linux: string): Map<string, Argument[]> {
  const found = readPrototypes(linux);
  for (const file of folders.flatMap((folder) => cFiles(join(linux, folder)))) {
    const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [, count, inner] of text.matchAll(/^SYSCALL_DEFINE(\d)\(([^)]*(?:\([^)]*\)[^)]*)*)\)/gm)) {
      const [symbol, ...parts] = (inner ?? '').split(',').map((part) => part.replace(/\s+/g, ' ').trim());
      if (symbol === undefined || parts.length !== 2 * Number(count))
        throw new Error(`${file}: odd SYSCALL_DEFINE ${inner}`);
      const args = Array.from(
        { length: Number(count) },
        (_, i): Argument => [parts[2 * i + 1] ?? '', parts[2 * i] ?? ''],
      );
      // The last one in a file is the #else branch, that is: no legacy order of arguments (clone).
      found.set(symbol, args);
    }
  }
  return found;
}

/** The prototypes of include/linux/syscalls.h, for calls that only some arch defines (map_shadow_stack). */
function readPrototypes(linux: string): Map<string, Argument[]> {
  const text = readFileSync(join(linux, 'include/linux/syscalls.h'), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = new Map<string, Argument[]>();
  for (const [, name, inner] of text.matchAll(/^asmlinkage long sys_(\w+)\(([^)]*)\);/gm)) {
    const parts = (inner ?? '').split(',').map((part) => /^(.*?)(\w+)$/.exec(part.replace(/\s+/g, ' ').trim()));
    found.set(
      name ?? '',
      parts.map((part): Argument => [part?.[2] ?? '', (part?.[1] ?? '').trim()]),
    );
  }
  return found;
}

function cFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(folder, name));
}
