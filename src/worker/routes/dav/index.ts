/** WebDAV of stored images: its methods are not OpenAPI's, so docs/design/webdav.md describes them. */

import { router } from '../router.ts';

export const dav = router();

dav.all('/dav/*', (c) => c.var.jobs.dav.ask(c.req.raw));
