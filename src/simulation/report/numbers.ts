/** How a report writes numbers, with their units. */

const written =
  (write: (value: number) => string) =>
  (value: number | undefined): string =>
    value === undefined ? '' : write(value);

/** Four digits, as they are commonly grouped. */
const short = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });

export const count = written((value) => value.toLocaleString('en'));
export const seconds = written((value) => `${short(value)} s`);
export const milliseconds = written((value) => `${short(value)} ms`);
export const percent = written((value) => `${short(value * 100)} %`);
export const rate = written((value) => {
  const [unit, size] = units.find(([, size]) => value >= size) ?? ['bit/s', 1];
  return `${short(value / size)} ${unit}`;
});

const units = [
  ['Gbit/s', 1e9],
  ['Mbit/s', 1e6],
  ['kbit/s', 1e3],
] as const;
