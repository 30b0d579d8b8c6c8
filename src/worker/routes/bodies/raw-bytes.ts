/** Names as bytes: percent-encoded in URLs, and in JSON as text with base64 beside it where they are not UTF-8. */

import { toBase64 } from '../../../bytes/base64.ts';
import { fromPercent } from '../../../bytes/percent.ts';

export { fromPercent };

/** The value of query parameter `name` in `url`, as bytes. */
export function queryBytes(url: string, name: string): Uint8Array | undefined {
  const pairs = new URL(url).search.slice(1).split('&');
  const pair = pairs.find((pair) => new URLSearchParams(pair).has(name));
  if (pair === undefined) return undefined;
  const [, ...value] = pair.split('=');
  return fromPercent(value.join('=').replaceAll('+', ' '));
}

/** Bytes as text for JSON; `base64` only where they are not UTF-8 and the text shows U+FFFD for some. */
export function asText(bytes: Uint8Array): { readonly text: string; readonly base64: string | undefined } {
  const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes);
  return { text, base64: isEqual(new TextEncoder().encode(text), bytes) ? undefined : toBase64(bytes) };
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);
