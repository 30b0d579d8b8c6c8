/** A connection as a pair of byte streams, whoever is at its other end. */

/**
 * Laws: calls of each direction are made one after another; `read` answers undefined at the end of what the other side sends, and rejects when the connection
 * broke; `write` settles when the bytes were taken; `end` says that no more are written; `abort` ends both directions at once, as a reset. After
 * `abort` nothing rejects any more that was not awaited.
 */
export interface ByteStream {
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  abort(): Promise<void>;
}

/** Bytes both ways until both ends have said their last; when one breaks the other is reset. */
export async function join(a: ByteStream, b: ByteStream): Promise<void> {
  const one = async (from: ByteStream, to: ByteStream): Promise<void> => {
    for (let bytes = await from.read(); bytes; bytes = await from.read()) await to.write(bytes);
    await to.end();
  };
  try {
    await Promise.all([one(a, b), one(b, a)]);
  } catch {
    // The other side learns of it by the reset.
  }
  await Promise.all([a.abort(), b.abort()]);
}
