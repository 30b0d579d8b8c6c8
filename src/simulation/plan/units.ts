/** Rates, times, sizes and percentages in the words of tc(8), UNITS. */

interface Quantity {
  readonly value: number;
  readonly unit: string;
}

function quantity(text: string): Quantity | undefined {
  const match = /^\s*((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*([a-z%]*)\s*$/i.exec(text);
  return match ? { value: Number(match[1]), unit: (match[2] ?? '').toLowerCase() } : undefined;
}

function convert(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parsed = quantity(text);
  const factor = parsed && units[parsed.unit];
  return parsed === undefined || factor === undefined ? undefined : parsed.value * factor;
}

const prefixes = { k: 1, m: 2, g: 3, t: 4 } as const;

/** Bits a second: SI and IEC prefixes of bit and bps, which is bytes a second; a bare number is bits. */
const rateUnits: Readonly<Record<string, number>> = Object.fromEntries([
  ['', 1],
  ['bit', 1],
  ['bps', 8],
  ...Object.entries(prefixes).flatMap(([prefix, power]) => [
    [`${prefix}bit`, 1000 ** power],
    [`${prefix}bps`, 8 * 1000 ** power],
    [`${prefix}ibit`, 1024 ** power],
    [`${prefix}ibps`, 8 * 1024 ** power],
  ]),
]);

/** Nanoseconds; a bare number is microseconds. */
const timeUnits = {
  '': 1e3,
  s: 1e9,
  sec: 1e9,
  secs: 1e9,
  ms: 1e6,
  msec: 1e6,
  msecs: 1e6,
  us: 1e3,
  usec: 1e3,
  usecs: 1e3,
  ns: 1,
  nsec: 1,
  nsecs: 1,
} as const;

/** Bytes; prefixes are powers of 1024. */
const sizeUnits: Readonly<Record<string, number>> = Object.fromEntries([
  ['', 1],
  ['b', 1],
  ...(['k', 'm', 'g'] as const).flatMap((prefix) => {
    const factor = 1024 ** prefixes[prefix];
    return [
      [prefix, factor],
      [`${prefix}b`, factor],
      [`${prefix}bit`, factor / 8],
    ];
  }),
]);

/** "10mbit" in bits a second. */
export const parseRate = (text: string): number | undefined => convert(text, rateUnits);

/** "20ms" in nanoseconds, whole. */
export function parseTime(text: string): number | undefined {
  const ns = convert(text, timeUnits);
  return ns === undefined ? undefined : Math.round(ns);
}

/** "150kb" in bytes, whole. */
export function parseSize(text: string): number | undefined {
  const bytes = convert(text, sizeUnits);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/** "1%" or "1", which are both a hundredth, as a fraction of one. */
export function parsePercent(text: string): number | undefined {
  const fraction = convert(text, { '%': 0.01, '': 0.01 });
  return fraction !== undefined && fraction <= 1 ? fraction : undefined;
}
