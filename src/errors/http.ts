/** Problems as HTTP has them: problem documents (RFC 9457) and back, and the headers that go with some. */

import type { Problem } from './problem.ts';
import { isErrnoName, isProblemName, rowOf } from './rows.ts';

export const PROBLEM_JSON = 'application/problem+json';

/** Members of RFC 9457; more are facts for programs. */
export interface ProblemDocument {
  readonly [member: string]: unknown;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
}

const TYPES = '/problems/';

export function documentOf({ name, detail, members }: Problem): ProblemDocument {
  const { message: title, status } = rowOf(name);
  const errno = isErrnoName(name) ? { errno: name } : {};
  return { type: TYPES + name, title, status, detail: shortened(detail), ...errno, ...members };
}

/** What was sent may be in it, and that may have megabytes. */
const MOST_DETAIL = 16_384;
const shortened = (text: string): string => (text.length > MOST_DETAIL ? `${text.slice(0, MOST_DETAIL)}…` : text);

/** Undefined for a document of no type of ours. */
export function problemIn(document: Partial<ProblemDocument>): Problem | undefined {
  const { type = '', title: _, status: __, detail, ...members } = document;
  const name = type.slice(type.lastIndexOf(TYPES) + TYPES.length);
  if (!type.includes(TYPES) || !isProblemName(name)) return undefined;
  return { name, detail: detail ?? rowOf(name).message, members };
}

/** Headers that HTTP wants with some problems. */
export function headersOf({ name, members }: Problem): Record<string, string> {
  const { retryAfterS } = rowOf(name);
  const afterS = typeof members.retry_after_s === 'number' ? members.retry_after_s : retryAfterS;
  const headers: Record<string, string> = afterS === undefined ? {} : { 'retry-after': String(afterS) };
  switch (name) {
    case 'range-not-satisfiable':
      return { ...headers, 'content-range': `bytes */${members.size_bytes}` }; // RFC 9110 15.5.17
    case 'unsupported-encoding':
      return { ...headers, 'accept-encoding': 'gzip, zstd, xz' }; // RFC 9110 12.5.3
    case 'upgrade-required':
      return { ...headers, upgrade: 'websocket' }; // RFC 9110 15.5.22
    case 'over-quota':
      // Whoever is let in is told what is left (src/worker/limits/rate.ts); so is who is not.
      return members.quota === 'requests_per_minute'
        ? {
            ...headers,
            'ratelimit-policy': `${members.limit};w=60`,
            'ratelimit-limit': String(members.limit),
            'ratelimit-remaining': '0',
            'ratelimit-reset': String(afterS),
          }
        : headers;
    case 'access-not-configured':
    case 'unauthorized':
      return { ...headers, 'www-authenticate': 'Bearer realm="lkl"' }; // RFC 6750 3
    case 'bad-token':
      return { ...headers, 'www-authenticate': 'Bearer realm="lkl", error="invalid_token"' };
    case 'forbidden':
      return typeof members.scope === 'string'
        ? { ...headers, 'www-authenticate': `Bearer realm="lkl", error="insufficient_scope", scope="${members.scope}"` }
        : headers;
    default:
      return headers;
  }
}
