/** Rates, times, sizes and percentages in the words of tc(8), UNITS. */

interface Quantity {
  readonly value: number;
  readonly unit: string;
}

function quantity(text: string): Quantity | undefined {
  const match = /^((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)([a-z%]*)$/i.exec(text);
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

/** What a person may have meant instead, of a text that is right: tc's units have their traps. Undefined: nothing. */
export const slips = {
  rate(text: string): string | undefined {
    const { value, unit } = quantity(text) ?? { value: 0, unit: '' };
    if (!unit.endsWith('bps') || value === 0) return undefined;
    const meant = `${value}${unit.replace('bps', 'bit')}`;
    return `"${text}" is bytes a second, as tc(8) has it: ${8 * value} ${bits[unit.charAt(0)] ?? ''}bit/s. Bits a second are "${meant}"`;
  },
  time(text: string): string | undefined {
    const { value, unit } = quantity(text) ?? { value: 0, unit: '' };
    if (unit !== '' || value === 0) return undefined;
    return `"${text}" is ${value} µs, as tc(8) has it: name the unit, such as "${value}ms"`;
  },
  size(text: string): string | undefined {
    const { value, unit } = quantity(text) ?? { value: 0, unit: '' };
    if (!unit.endsWith('bit') || value === 0) return undefined;
    return `"${text}" is a size in bits, as tc(8) has it: ${parseSize(text)} bytes. Bytes are "${value}${unit.replace('bit', 'b')}"`;
  },
  percent(text: string): string | undefined {
    const { value, unit } = quantity(text) ?? { value: 0, unit: '' };
    if (unit !== '' || value === 0 || value >= 1) return undefined;
    return `"${text}" is ${value} %, as tc(8) has it, not a fraction: ${Number((100 * value).toPrecision(6))} % is "${Number((100 * value).toPrecision(6))}%"`;
  },
} as const;

const bits: Readonly<Record<string, string>> = { k: 'k', m: 'M', g: 'G', t: 'T' };
