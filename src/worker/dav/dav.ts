/** The Durable Object of an image, as the runtime calls it. What it does is in dav-object.ts. */

import { DurableObject } from 'cloudflare:workers';
import { refusal } from '../../dav/failure.ts';
import { problemOf } from '../../errors/problem.ts';
import type { Bindings } from '../env.ts';
import { portAnswer } from '../session/ports/request.ts';
import { type Outcome, outcome } from '../session/rpc.ts';
import { DavObject, type DavObjectNeeds } from './dav-object.ts';
import type { DavRpc } from './jobs.ts';

export interface DavClassNeeds extends Pick<DavObjectNeeds, 'nowMs' | 'pause' | 'uniqueName' | 'isWanted' | 'log'> {
  mounting(
    bindings: Bindings,
    principal: string | undefined,
    life: { readonly keepAlive: (work: Promise<unknown>) => void; readonly signal: AbortSignal },
  ): ReturnType<DavObjectNeeds['mounting']>;
  meter(bindings: Bindings): DavObjectNeeds['meter'];
}

/** The class for the runtime, with what it needs of the world. */
export function davClass({ mounting, meter, ...needs }: DavClassNeeds) {
  /** Of an isolate. The host drops an object without a word: the next one of its name gives back what it had. */
  const lives = new Map<string, AbortController>();
  return class Dav extends DurableObject<Bindings> implements DavRpc {
    readonly #object: DavObject;

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      const id = state.id.toString();
      lives.get(id)?.abort();
      const life = new AbortController();
      lives.set(id, life);
      const { signal } = life;
      const keepAlive = (work: Promise<unknown>) => state.waitUntil(work.catch(() => {}));
      this.#object = new DavObject({
        ...needs,
        storage: state.storage,
        meter: meter(bindings),
        mounting: (principal) => mounting(bindings, principal, { keepAlive, signal }),
      });
    }

    override async fetch(request: Request): Promise<Response> {
      try {
        return await this.#object.answer(request);
      } catch (cause) {
        const problem = problemOf(cause);
        if (problem.name === 'passphrase-needed') return refusedAsEncrypted();
        if (problem.name === 'internal' && !request.signal.aborted) needs.log(cause);
        return portAnswer({ problem });
      }
    }

    override alarm = () => this.#object.alarm();

    rest(): Promise<Outcome<null>> {
      return outcome(async () => {
        await this.#object.rest();
        return null;
      });
    }
  };
}

/** Clients know no way to show a passphrase beside their password, which is the token. */
const refusedAsEncrypted = (): Response =>
  refusal({
    status: 403,
    message:
      'the volume is encrypted, and WebDAV takes no passphrases: GET /v1/images/NAME/files/PATH with the header lkl-passphrase does',
  });
