/** Flags of open(2): arm64 has numbers of its own for four of them; x86-64's are our kernel's. */

const isArm = process.arch === 'arm64';
/** O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE: on arm64, and as most machines have them (asm-generic/fcntl.h). */
const pairs = [
  [0o40000, 0o200000],
  [0o100000, 0o400000],
  [0o200000, 0o40000],
  [0o400000, 0o100000],
] as const;
const all = { theirs: 0o740000, ours: 0o740000 } as const;

export const O_LARGEFILE = 0o100000;
export const O_CLOEXEC = 0o2000000;

export function toOurs(flags: number): number {
  if (!isArm) return flags;
  let ours = flags & ~all.theirs;
  for (const [there, here] of pairs) if (flags & there) ours |= here;
  return ours;
}

export function toTheirs(flags: number): number {
  if (!isArm) return flags;
  let theirs = flags & ~all.ours;
  for (const [there, here] of pairs) if (flags & here) theirs |= there;
  return theirs;
}
