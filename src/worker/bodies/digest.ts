/** What a client says of the bytes it sends: Content-MD5 (RFC 1864), Content-Digest (RFC 9530), Digest (RFC 3230). */

import { fromBase64 } from '../../bytes/base64.ts';
import { HostError } from '../../errors/host-error.ts';

type Algorithm = 'MD5' | 'SHA-1' | 'SHA-256' | 'SHA-512';

export interface ExpectedDigest {
  readonly algorithm: Algorithm;
  readonly bytes: Uint8Array;
  /** The header that says so. */
  readonly header: string;
}

const algorithms: Readonly<Record<string, readonly [Algorithm, number]>> = {
  md5: ['MD5', 16],
  sha: ['SHA-1', 20],
  'sha-256': ['SHA-256', 32],
  'sha-512': ['SHA-512', 64],
};

/**
 * All that are said and understood; those of algorithms nobody knows here are ignored, as RFC 9530 has it. Of one that a header
 * names twice the last counts, as of any key of a dictionary (RFC 9651 3.2): a header has room for a thousand, and each would be summed up.
 */
export function expectedDigests(header: (name: string) => string | undefined): ExpectedDigest[] {
  const md5 = header('content-md5');
  const said = [
    ...(md5 === undefined ? [] : [expected('Content-MD5', 'md5', md5.trim())]),
    // A dictionary of structured fields: sha-256=:base64:, sha-512=:base64:
    ...pairsOf(header('content-digest'), /^([\w-]+)=:([A-Za-z0-9+/=]*):$/, 'Content-Digest'),
    ...pairsOf(header('digest'), /^([\w-]+)=([A-Za-z0-9+/=]*)$/, 'Digest'),
  ].filter((digest) => digest !== undefined);
  return [...new Map(said.map((digest) => [`${digest.header} ${digest.algorithm}`, digest])).values()];
}

function pairsOf(text: string | undefined, form: RegExp, header: string) {
  return (text ?? '')
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [, name, value] = form.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw malformed(header);
      return expected(header, name.toLowerCase(), value);
    });
}

function expected(header: string, name: string, base64: string): ExpectedDigest | undefined {
  const known = algorithms[name];
  if (known === undefined) return undefined;
  const [algorithm, length] = known;
  const bytes = fromBase64(base64);
  if (bytes?.length !== length) throw malformed(header);
  return { algorithm, bytes, header };
}

const malformed = (header: string): HostError =>
  new HostError('invalid-request', `${header} is no digest as its RFC has them`);

/** The bytes as they are; after the last, rejects with `digest-mismatch` when they were not those that were told of. */
export async function* checked(
  bytes: AsyncIterable<Uint8Array>,
  digests: readonly ExpectedDigest[],
): AsyncGenerator<Uint8Array, void, void> {
  const streams = digests.map((digest) => {
    const stream = new crypto.DigestStream(digest.algorithm);
    return { ...digest, stream, writer: stream.getWriter() };
  });
  for await (const chunk of bytes) {
    for (const { writer } of streams) await writer.write(chunk);
    yield chunk;
  }
  for (const { stream, writer, ...told } of streams) {
    await writer.close();
    const found = new Uint8Array(await stream.digest);
    if (found.some((byte, index) => byte !== told.bytes[index])) {
      throw new HostError('digest-mismatch', `${told.header} is not that of the body: bytes were lost or changed`);
    }
  }
}
