/** Magic numbers: bytes that tell what a disk image holds. */

/** Bytes at an offset; where there is a `mask`, only its bits count. */
export interface Magic {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly mask?: Uint8Array;
}

export const text = (at: number, chars: string): Magic => ({
  at,
  bytes: Uint8Array.from(chars, (c) => c.charCodeAt(0)),
});

export const hex = (at: number, bytes: string, mask?: string): Magic => ({
  at,
  bytes: fromHex(bytes),
  ...(mask && { mask: fromHex(mask) }),
});

const fromHex = (digits: string): Uint8Array =>
  Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Whether `head`, the first bytes of something, has all of them. */
export const holdsAll = (head: Uint8Array, magic: readonly Magic[]): boolean => magic.every((one) => holds(head, one));

const holds = (head: Uint8Array, { at, bytes, mask }: Magic): boolean =>
  bytes.every((byte, i) => ((head[at + i] ?? -1) & (mask?.[i] ?? 0xff)) === byte);
