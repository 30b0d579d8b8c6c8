/** Requests of WebDAV as the routes hand them on: to the Durable Object of the image, if whoever asks may do that. */

import { isReading } from '../../dav/handler.ts';
import type { Bindings } from '../env.ts';
import { imageNotFound } from '../images/images.ts';
import { toldPort } from '../session/ports/request.ts';
import { type Outcome, valueIn } from '../session/rpc.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { imageListing } from './listing.ts';
import { ofLength } from './of-length.ts';
import { DAV_ROOT, davTarget, PRINCIPAL } from './target.ts';

export interface DavJobs {
  /** Rejects with `image-not-found` and `forbidden`, as other requests for the image do. */
  ask(request: Request): Promise<Response>;
}

export interface DavRpc {
  rest(): Promise<Outcome<null>>;
}

/** Settles when what clients of WebDAV changed in the image is in its current version: whoever writes it now goes on from that. */
export async function atRest({ DAV }: Pick<Bindings, 'DAV'>, image: string): Promise<void> {
  valueIn(await (DAV.getByName(image) as unknown as DavRpc).rest());
}

export interface DavNeeds {
  readonly bindings: Pick<Bindings, 'DAV'>;
  /** Names who asks: his are the seconds that kernels work for it. */
  readonly principal: string;
  readonly images: Pick<ImageStore, 'list'> & {
    mayRead(name: string): Promise<void>;
    mayWrite(name: string): Promise<void>;
  };
  /** Rejects with `over-quota`. */
  readonly mayUseKernel: () => Promise<void>;
}

export const davJobs = ({ bindings, principal, images, mayUseKernel }: DavNeeds): DavJobs => ({
  async ask(request) {
    const { pathname } = new URL(request.url);
    if (`${pathname}/` === DAV_ROOT || pathname === DAV_ROOT) return imageListing(request, images);
    const target = davTarget(pathname);
    if (target === undefined) throw imageNotFound(pathname.split('/')[2] ?? '');
    if (isReading(request.method)) await images.mayRead(target.image);
    else await images.mayWrite(target.image);
    await mayUseKernel();
    const asked = new Request(request, { redirect: 'manual' });
    // What proves who asks goes no further.
    for (const name of ['authorization', 'cookie']) asked.headers.delete(name);
    asked.headers.set(PRINCIPAL, principal);
    return ofLength(await toldPort(await bindings.DAV.getByName(target.image).fetch(asked)));
  },
});
