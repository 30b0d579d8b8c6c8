/** What of a request's headers a server in a session gets, and what of its answer's the client: it shares our origin, and is not trusted with it. */

import { type Header, passedOn } from '../../../network/http/message.ts';

/** These prove to us who asks: nothing in the session is to have them. */
const ours = /^(authorization|proxy-authorization|cf-access-.*|cf-connecting-.*|cf-ew-via|cdn-loop|x-real-ip)$/i;
const ourCookie = /^(__Host-|__Secure-)?CF_\w+$/i;
/** Made anew for each hop. */
const perHop =
  /^(host|accept-encoding|content-length|expect|x-forwarded-.*|forwarded|sec-websocket-(key|version|accept|extensions|protocol))$/i;

/** As a reverse proxy on the machine of the server would send them. */
export function toServer(
  headers: Iterable<readonly [string, string]>,
  url: URL,
  port: number,
  prefix: string,
): Header[] {
  const kept = passedOn([...headers]).flatMap(([name, value]): Header[] => {
    if (ours.test(name) || perHop.test(name)) return [];
    if (name.toLowerCase() !== 'cookie') return [[name, value]];
    const cookies = value.split(';').filter((one) => !ourCookie.test(one.split('=')[0]?.trim() ?? ''));
    return cookies.length > 0 ? [[name, cookies.join(';').trim()]] : [];
  });
  return [
    ['Host', `localhost:${port}`],
    ...kept,
    ['X-Forwarded-Host', url.host],
    ['X-Forwarded-Proto', url.protocol.slice(0, -1)],
    ['X-Forwarded-Prefix', prefix],
  ];
}

/** What would hold for all of our origin, for other pages too. */
const ofOrigin =
  /^(alt-svc|clear-site-data|strict-transport-security|public-key-pins(-report-only)?|nel|report-to|reporting-endpoints|service-worker-allowed|origin-agent-cluster|accept-ch|critical-ch|observe-browsing-topics|sourcemap|server-timing|lkl-.*|access-control-.*|x-request-id|x-frame-options|cross-origin-.*|content-length)$/i;

/** Its pages have an origin of their own, which is nobody's: they can do nothing here in the name of whoever looks at them. */
const SANDBOX = 'sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads';

/** `prefix` is where the server's root is with us: `/v1/sessions/…/ports/8080`. */
export function toClient(headers: readonly Header[], prefix: string, port: number): Headers {
  const result = new Headers();
  const policies: string[] = [SANDBOX];
  for (const [name, value] of passedOn(headers)) {
    if (ofOrigin.test(name)) continue;
    switch (name.toLowerCase()) {
      case 'content-security-policy':
        policies.push(value);
        break;
      case 'set-cookie':
        result.append(name, ownCookie(value, prefix));
        break;
      case 'location':
        result.append(name, ownLocation(value, prefix, port));
        break;
      default:
        result.append(name, value);
    }
  }
  result.set('content-security-policy', policies.join(', '));
  // Its own pages are another origin to it.
  result.set('access-control-allow-origin', 'null');
  return result;
}

/** For this server alone: it gets no other's, and no other gets it. */
function ownCookie(value: string, prefix: string): string {
  const [pair = '', ...attributes] = value.split(';');
  const kept = attributes.filter((one) => !/^\s*(path|domain)\s*(=|$)/i.test(one));
  return [pair, ...kept, ` Path=${prefix}/`].join(';');
}

/** A place on the server, as we name it; others are left as they are. */
function ownLocation(value: string, prefix: string, port: number): string {
  if (/^\/(?!\/)/.test(value)) return prefix + value;
  const [, rest] =
    new RegExp(`^https?://(?:localhost|127\\.0\\.0\\.1|\\[::1\\]):${port}(?=[/?#]|$)(.*)$`, 'i').exec(value) ?? [];
  return rest === undefined ? value : prefix + (rest.startsWith('/') ? rest : `/${rest}`);
}
