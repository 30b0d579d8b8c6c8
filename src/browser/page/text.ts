/** Bytes, times and modes as a person reads them. */

const octal = (byte: number) => `\\${byte.toString(8).padStart(3, '0')}`;

/** A name as text: what is no UTF-8, and control characters, are \ooo in octal, as ls -b shows them. */
export function shownName(name: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
    return text.replaceAll(/\p{Cc}/gu, (char) => Array.from(new TextEncoder().encode(char), octal).join(''));
  } catch {
    return Array.from(name, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : octal(byte))).join('');
  }
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** 1234567 → 1.23 MB. */
export function shownBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // What three digits would round to 1000 has the next unit.
  for (; value >= (unit === 0 ? 1000 : 999.5) && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** In UTC, as no image says where it was made. Not by Intl: a browser in the C locale has none. */
export function shownTime(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString().slice(0, 16).replace('T', ' ') : '';
}

const kinds: Readonly<Record<string, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
};

/** drwxr-xr-x, with s, S, t and T where ls -l has them. */
export function shownMode(type: string, mode: number): string {
  const three = (bits: number, special: boolean, letter: string) => {
    const x = (bits & 1) !== 0;
    const last = special ? (x ? letter : letter.toUpperCase()) : x ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  const owner = three(mode >> 6, (mode & 0o4000) !== 0, 's');
  const group = three(mode >> 3, (mode & 0o2000) !== 0, 's');
  return `${kinds[type] ?? '?'}${owner}${group}${three(mode, (mode & 0o1000) !== 0, 't')}`;
}

/** Sixteen bytes a line, as hexdump -C has them. */
export function hexLines(bytes: Uint8Array, offset: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
    const groups = `${hex.slice(0, 8).join(' ').padEnd(23)}  ${hex.slice(8).join(' ').padEnd(23)}`;
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${(offset + at).toString(16).padStart(8, '0')}  ${groups}  |${text}|`);
  }
  return lines.join('\n');
}

/** The text in bytes, if it is one: UTF-8 (cut anywhere at its end) without NUL. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  for (let cut = 0; cut < 4; cut++) {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytes.length - cut));
    } catch {
      // The last character may be cut.
    }
  }
  return undefined;
}
