/** An empty swap area as mkswap(8) writes it: one page (include/linux/swap.h: union swap_header). */

import { HostError } from '../../errors/host-error.ts';
import { uuidBytes } from './uuids.ts';

const PAGE = 4096;
/** mkswap refuses fewer. */
const LEAST_PAGES = 10;
/** last_page has 32 bits. */
const MOST_PAGES = 2 ** 32;
const LABEL_BYTES = 15;

/** What is at its beginning; all behind that is zeros. Throws `invalid-request` for a size that Linux would not take. */
export function swapHeader(bytes: number, uuid: string, label: string | undefined): Uint8Array {
  const pages = Math.min(Math.floor(bytes / PAGE), MOST_PAGES);
  if (pages < LEAST_PAGES)
    throw new HostError('invalid-request', `swap has ${LEAST_PAGES * PAGE} bytes at least, not ${bytes}`);
  const header = new Uint8Array(PAGE);
  const view = new DataView(header.buffer);
  view.setUint32(1024, 1, true); // version
  view.setUint32(1028, pages - 1, true); // last_page
  header.set(uuidBytes(uuid), 1036);
  if (label !== undefined) header.set(cut(label, LABEL_BYTES), 1052);
  header.set(new TextEncoder().encode('SWAPSPACE2'), PAGE - 10);
  return header;
}

/** As many whole characters of it as fit into so many bytes. */
export function cut(text: string, mostBytes: number): Uint8Array {
  const bytes = new TextEncoder().encode(text).subarray(0, mostBytes);
  return new TextEncoder().encode(new TextDecoder().decode(bytes, { stream: true }));
}
