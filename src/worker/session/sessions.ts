/** Sessions as the routes see them: each a Durable Object, known to the index of its owner. */

import { withCompanions } from '../../batch/kernel-setup.ts';
import { HostError } from '../../errors/host-error.ts';
import type { WantedRange } from '../../tree/byte-range.ts';
import type { Bindings } from '../env.ts';
import { askForCable } from './interfaces/cable.ts';
import type { InterfaceInfo } from './interfaces/interfaces.ts';
import { toldPort } from './ports/request.ts';
import {
  type AddedInterface,
  type FileBody,
  type FoundDisk,
  type FoundPath,
  type InterfaceRequest,
  type MostSessions,
  type ProgramAnswer,
  type ProgramCall,
  type SessionIndexRpc,
  type SessionInfo,
  type SessionRequest,
  type SessionRow,
  type SessionRpc,
  type Told,
  valueIn,
  type WantedPath,
  type WholeAnswer,
  type WholeBatch,
} from './rpc.ts';

export interface NamedSession extends SessionInfo {
  readonly id: string;
}

/** Of one owner: others do not find them. */
export interface SessionJobs {
  create(
    request: Omit<SessionRequest, 'expiresMs' | 'owner'>,
    lifeMs: number,
    secrets?: readonly Uint8Array[],
  ): Promise<NamedSession>;
  list(): Promise<readonly SessionRow[]>;
  get(id: string): Promise<NamedSession>;
  run(id: string, batch: WholeBatch): Promise<WholeAnswer>;
  /** The answer to a request for a WebSocket. */
  connect(id: string, request: Request): Promise<Response>;
  /** What a server in the session answers to the request, whose path says which. */
  port(id: string, request: Request): Promise<Response>;
  exec(id: string, call: ProgramCall): Promise<ProgramAnswer>;
  interfaces(id: string): Promise<readonly InterfaceInfo[]>;
  addInterface(id: string, request: AskedInterface): Promise<AddedInterface>;
  removeInterface(id: string, name: string): Promise<void>;
  /** The answer to a request for a WebSocket into an interface. */
  connectInterface(id: string, name: string): Promise<Response>;
  suspend(id: string): Promise<NamedSession>;
  fork(id: string): Promise<NamedSession>;
  console(id: string): Promise<string>;
  strace(id: string): Promise<string>;
  /** Paths are bytes, from the root of pid 1. */
  openPath(id: string, path: Uint8Array, wanted: WantedPath): Promise<FoundPath>;
  openDisk(id: string, name: string, wanted: WantedRange | undefined): Promise<FoundDisk>;
  saveFile(id: string, file: FileBody): Promise<Told & { readonly created: boolean }>;
  delete(id: string): Promise<void>;
}

/** `link`: with an interface of another session of the owner's. */
export interface AskedInterface extends Omit<InterfaceRequest, 'link'> {
  readonly link?: { readonly session: string; readonly interface: string } | undefined;
}

export interface SessionsNeeds {
  readonly bindings: Bindings;
  /** Names the owner. */
  readonly owner: string;
  /** Those the owner may read. */
  readonly images: { mayRead(name: string): Promise<void> };
  readonly uniqueName: () => string;
  readonly nowMs: () => number;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Rejects with `over-quota` where the owner's kernels have worked as long as they may: what ends one, or only tells, goes on. */
  readonly mayUseKernel: () => Promise<void>;
  /** What the owner may have. */
  readonly most?: MostSessions;
}

export function sessionJobs(needs: SessionsNeeds): SessionJobs {
  const { bindings, owner, images, uniqueName, nowMs, signal, mayUseKernel, most } = needs;
  const nameOf = (id: string) => `${owner}/${id}`;
  // The types of RPC stubs promise more than these plain methods need.
  const object = (id: string) => bindings.SESSIONS.getByName(nameOf(id)) as unknown as SessionRpc;
  const index = () => bindings.SESSION_INDEX.getByName(owner) as unknown as SessionIndexRpc;

  /** The object, if the owner has such a session: asking for it must not make one. */
  async function existing(id: string): Promise<SessionRpc> {
    if (valueIn(await index().get(id)) === null) throw new HostError('session-not-found');
    return object(id);
  }

  /** The same, to have its kernel work. */
  async function working(id: string): Promise<SessionRpc> {
    const session = await existing(id);
    await mayUseKernel();
    return session;
  }

  async function admitted(
    { expiresMs, memoryMib: kernelMib, programMib = 0 }: Pick<SessionRequest, 'expiresMs' | 'memoryMib' | 'programMib'>,
    make: (id: string) => Promise<SessionInfo>,
  ): Promise<NamedSession> {
    await mayUseKernel();
    const id = uniqueName();
    const memoryMib = kernelMib + programMib;
    valueIn(await index().admit({ id, createdMs: nowMs(), expiresMs, memoryMib }, most));
    // Nobody else knows its name: when whoever asked is gone it goes too, whatever it waits for.
    const abandon = () => void object(id).destroy();
    signal.addEventListener('abort', abandon, { once: true });
    let made: NamedSession | undefined;
    try {
      made = { id, ...(await make(id)) };
      signal.throwIfAborted();
      valueIn(await index().confirm(id));
      return made;
    } catch (cause) {
      if (signal.aborted || made) valueIn(await object(id).destroy());
      valueIn(await index().remove(id));
      throw cause;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  return {
    async create(kernel, lifeMs, secrets) {
      // In the object nobody would know whose they are.
      const named = new Set(kernel.disks.flatMap(withCompanions).map(({ image }) => image));
      for (const image of named) if (image !== undefined) await images.mayRead(image);
      const request = { ...kernel, owner, expiresMs: nowMs() + lifeMs };
      return admitted(request, async (id) => valueIn(await object(id).create(request, secrets)));
    },
    list: async () => valueIn(await index().list()),
    get: async (id) => ({ id, ...valueIn(await (await existing(id)).info()) }),
    run: async (id, batch) => valueIn(await (await working(id)).run(batch)),
    async connect(id, { url, headers }) {
      await working(id);
      const upgrade = { upgrade: headers.get('upgrade') ?? 'websocket' };
      const { webSocket } = await bindings.SESSIONS.getByName(nameOf(id)).fetch(url, { headers: upgrade });
      return new Response(null, { status: 101, webSocket });
    },
    async port(id, request) {
      await working(id);
      // A redirect is the client's to follow.
      const asked = new Request(request, { redirect: 'manual' });
      return toldPort(await bindings.SESSIONS.getByName(nameOf(id)).fetch(asked));
    },
    exec: async (id, call) => valueIn(await (await working(id)).exec(call)),
    interfaces: async (id) => valueIn(await (await working(id)).interfaces()),
    async addInterface(id, { link, ...card }) {
      const session = await working(id);
      // Its turn would never come: the one waits for the other.
      if (link?.session === id) throw new HostError('invalid-request', 'a link leads to another session');
      if (link) await existing(link.session);
      const to = link && { object: nameOf(link.session), interface: link.interface };
      return valueIn(await session.addInterface({ ...card, ...(to && { link: to }) }));
    },
    async removeInterface(id, name) {
      valueIn(await (await working(id)).removeInterface(name));
    },
    async connectInterface(id, name) {
      await working(id);
      return askForCable(bindings.SESSIONS.getByName(nameOf(id)), name);
    },
    suspend: async (id) => ({ id, ...valueIn(await (await existing(id)).suspend()) }),
    async fork(id) {
      const from = await existing(id);
      return admitted(valueIn(await from.info()), async (copy) => valueIn(await from.fork(nameOf(copy))));
    },
    console: async (id) => valueIn(await (await existing(id)).console()),
    strace: async (id) => valueIn(await (await existing(id)).strace()),
    openPath: async (id, path, wanted) => valueIn(await (await working(id)).openPath(withoutNul(path), wanted)),
    openDisk: async (id, name, wanted) => valueIn(await (await working(id)).openDisk(name, wanted)),
    async saveFile(id, file) {
      withoutNul(file.path);
      return valueIn(await (await working(id)).saveFile(file));
    },
    async delete(id) {
      valueIn(await (await existing(id)).destroy());
      valueIn(await index().remove(id));
    },
  };
}

function withoutNul(path: Uint8Array): Uint8Array {
  if (path.includes(0)) throw new HostError('invalid-request', 'a path has no NUL byte');
  return path;
}
