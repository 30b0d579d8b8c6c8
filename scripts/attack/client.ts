/** Requests of one principal to an open service, which tells principals apart by what they show. */

export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

export const as =
  (url: URL, who: string): Ask =>
  (path, init = {}) =>
    fetch(new URL(path, url), { ...init, headers: { authorization: `Bearer ${who}`, ...init.headers } });

export const json = (body: unknown, method = 'POST'): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

export const bytes = (body: Uint8Array, method = 'PUT'): RequestInit => ({
  method,
  headers: { 'content-type': 'application/octet-stream' },
  body: new Uint8Array(body),
});

export const call = (name: string, ...args: unknown[]) => ({ call: name, args });

/** How often each was. */
export function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** Fills `found` with what `holds` does not hold of, in words. */
export class Findings {
  readonly all: string[] = [];

  must(holds: boolean, what: string): void {
    if (!holds) this.all.push(what);
  }
}
