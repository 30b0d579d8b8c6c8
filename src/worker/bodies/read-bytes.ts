/** How much was read of each request's body: clients that send in chunks say no length, and not all that is said comes. */

const read = new WeakMap<ReadableStream, number>();

/** Whoever reads of a body tells of each piece. */
export function noteRead(body: ReadableStream, bytes: number): void {
  read.set(body, (read.get(body) ?? 0) + bytes);
}

/** Undefined: nobody here has read of it. */
export const bytesRead = (body: ReadableStream | null): number | undefined => (body ? read.get(body) : undefined);
