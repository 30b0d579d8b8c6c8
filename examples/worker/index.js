/** The Worker of the package as part of one's own: its routes where they are, what is one's own before them. */

import lkl from 'lkl-linux/worker';

// The Durable Objects that wrangler.toml names.
export { AuditTrail, Dav, Ledger, Session, SessionIndex, TokenRegistry } from 'lkl-linux/worker';

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === '/hello') return new Response('Hello.\n');
    return lkl.fetch(request, env, context);
  },
};
