/** The XML that a request is made of: clients' take some hundred bytes. */

import { Gathered } from '../bytes/gathered.ts';
import { DavFailure } from './failure.ts';

const MAX_BYTES = 64 * 1024;

/** Rejects with 413 where it is longer than any client's, without taking more of it. */
export async function xmlBody({ body }: Request): Promise<string> {
  if (body === null) return '';
  const bytes = new Gathered();
  for await (const piece of body) {
    if (bytes.length + piece.length > MAX_BYTES)
      throw new DavFailure(413, `the body of this request has at most ${MAX_BYTES} bytes`);
    bytes.add(piece);
  }
  return new TextDecoder().decode(bytes.take());
}
