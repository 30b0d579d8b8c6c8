/** Headers of every answer: what a browser may make of it. */

/** A page of ours brings what it needs along, or takes it from here. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What is no page is none to frame or to run either. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";

export function secureHeaders(headers: Headers): void {
  const isPage = headers.get('content-type')?.startsWith('text/html') === true;
  if (!headers.has('content-security-policy')) {
    headers.set('content-security-policy', isPage ? PAGE_POLICY : DATA_POLICY);
  }
  headers.set('x-content-type-options', 'nosniff');
  headers.set('x-frame-options', 'DENY');
  headers.set('referrer-policy', 'no-referrer');
  headers.set(
    'cross-origin-resource-policy',
    headers.has('access-control-allow-origin') ? 'cross-origin' : 'same-origin',
  );
}
