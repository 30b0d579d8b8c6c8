/** Control messages of sendmsg(2) and recvmsg(2); see cmsg(3). */

import { formatWords, groupOf } from '../../../abi/constants.ts';

const LITTLE = true;
/** Each header and each content begins at a multiple of a long. */
const ALIGN = 4;
export const CMSG_HEADER_BYTES = 12;

export const cmsgAlign = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

export interface ControlMessage {
  /** cmsg_len: header and data. */
  readonly length: number;
  readonly level: string | number;
  readonly type: string | number;
  readonly data: Uint8Array;
}

/** The messages of a control buffer; one that is cut off is left out. */
export function controlMessages(bytes: Uint8Array): ControlMessage[] {
  const found: ControlMessage[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let next = 0; next + CMSG_HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint32(next, LITTLE);
    if (length < CMSG_HEADER_BYTES || next + length > bytes.length) break;
    const level = view.getInt32(next + 4, LITTLE);
    const type = view.getInt32(next + 8, LITTLE);
    found.push({
      length,
      level: formatWords(level, 'sol') ?? level,
      type: (level === groupOf('sol').values.get('SOL_SOCKET') ? formatWords(type, 'scm') : undefined) ?? type,
      data: bytes.subarray(next + CMSG_HEADER_BYTES, next + length),
    });
    next += cmsgAlign(length);
  }
  return found;
}
