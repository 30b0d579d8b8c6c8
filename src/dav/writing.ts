/** PUT, MKCOL, DELETE, COPY, MOVE and PROPPATCH. */

import { O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } from '../abi/uapi/fs.ts';
import { joinPath } from '../bytes/paths.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { Tree } from '../tree/tree.ts';
import type { UnnamedFile } from '../tree/write/changes.ts';
import { remove } from '../tree/write/whole.ts';
import { xmlBody } from './body.ts';
import { type DavContext, href, placeOfUrl } from './context.ts';
import { DavFailure, failureOf } from './failure.ts';
import { isWithin, keyOf, nameOf, parentOf } from './paths.ts';
import { attributeOf, type Dead, encodeDead, isLive } from './properties.ts';
import { multistatus, mustFind, propstat, readRequest } from './reading.ts';
import { etagOf, find, members, type Resource, treePath } from './resource.ts';
import { contentXml, davChild, elementsOf, emptyTag, escaped, isDav, type Name } from './xml.ts';

const encoder = new TextEncoder();

/** The directory that `path` is to be in must be there (RFC 4918, sections 9.3.1, 9.7.1). */
async function mustHaveParent({ tree }: DavContext, path: Uint8Array): Promise<void> {
  if (path.length === 0) return;
  const parent = await find(tree, parentOf(path));
  if (!parent?.isCollection) throw new DavFailure(409, 'the collection that it is to be in is not there');
}

const noRoot = (path: Uint8Array): void => {
  if (path.length === 0) throw new DavFailure(403, 'the root of the file system stays');
};

/** A name beside `path` that nobody else takes. */
const beside = ({ uniqueName }: DavContext, path: Uint8Array): Uint8Array =>
  joinPath(parentOf(path), encoder.encode(`.lkl-${uniqueName()}`));

/** A file that is there whole, but not in its place. */
export interface Staged {
  /** As the answer to the request, when it is its turn. */
  place(): Promise<Response>;
  discard(): Promise<void>;
}

/**
 * Receives a file apart from the one that is there: whoever reads meanwhile has the old one, a client that goes away leaves that, and a
 * slow one keeps nobody waiting. Undefined: only a part is sent, which is written in place.
 */
export async function stagePut(context: DavContext): Promise<Staged | undefined> {
  const { request, place } = context;
  if (request.headers.has('content-range')) return undefined;
  const before = await mayPut(context);
  const target = await targetOf(context, before);
  const file = await receivedFile(context, target);
  try {
    let offset = 0;
    for await (const piece of bodyOf(request)) {
      await file.write(offset, piece);
      offset += piece.length;
    }
  } catch (cause) {
    await file.discard();
    throw cause;
  }
  return {
    discard: file.discard,
    async place() {
      // What is there now need not be what was there when it began.
      const there = await mayPut(context);
      await file.place(await targetOf(context, there), there);
      return putAnswer(context, there, place.path);
    },
  };
}

/** A file that is received; `before` is what it takes the place of, whose owner, mode and attributes it has then. */
interface ReceivedFile {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  place(target: Uint8Array, before: Resource | undefined): Promise<void>;
  /** Twice is once. */
  discard(): Promise<void>;
}

/** Without a name until it is whole, so that a crash leaves nothing; with one beside `target` where the file system has no such files. */
async function receivedFile(context: DavContext, target: Uint8Array): Promise<ReceivedFile> {
  const { changes } = context;
  const temporary = beside(context, target);
  const unnamed = await changes.openUnnamed(parentOf(target), 0o644).catch((cause: unknown) => {
    if (cause instanceof KernelError && NO_UNNAMED.has(cause.errno)) return undefined;
    throw cause;
  });
  if (!unnamed) {
    await removeLeft(context, parentOf(target));
    context.receiving.names.add(keyOf(nameOf(temporary)));
  }
  const file = unnamed ?? (await changes.open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o644));
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  const unlink = () => changes.unlink(temporary).catch(() => {});
  const over = () => context.receiving.names.delete(keyOf(nameOf(temporary)));
  return {
    write: (offset, bytes) => file.write(offset, bytes),
    async discard() {
      await close().catch(() => {});
      if (!unnamed) await unlink();
      over();
    },
    async place(at, before) {
      try {
        if (before) {
          await file.chown(before.stat);
          await file.chmod(before.stat.mode & 0o7777);
        }
        if (unnamed) {
          if (before) await copyAttributes(context, at, (name, value) => unnamed.setXattr(name, value));
          if (!before && (await linked(unnamed, at))) return;
          await unnamed.link(temporary);
        } else if (before) {
          await copyAttributes(context, at, (name, value) => changes.setXattr(treePath(temporary), name, value));
        }
        await changes.rename(temporary, at).catch(async (cause: unknown) => {
          await unlink();
          throw cause;
        });
      } finally {
        over();
        await close();
      }
    },
  };
}

/** As `beside` makes them. */
const TEMPORARY = /^\.lkl-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A crash leaves the file that was being received. Nobody else writes the file system, so whatever is not being received now is of before.
 * Each directory is looked at once, when something is to be put there.
 */
async function removeLeft({ tree, changes, receiving }: DavContext, path: Uint8Array): Promise<void> {
  const key = keyOf(path);
  if (receiving.looked.has(key)) return;
  receiving.looked.add(key);
  const directory = await tree.openDirectory(treePath(path));
  const left: Uint8Array[] = [];
  try {
    for (let names = await directory.next(); names.length > 0; names = await directory.next())
      for (const { name } of names) if (isLeft(name, receiving.names)) left.push(name.slice());
  } finally {
    await directory.close();
  }
  // What is no file stays.
  for (const name of left) await changes.unlink(joinPath(path, name)).catch(() => {});
}

const isLeft = (name: Uint8Array, receiving: ReadonlySet<string>): boolean => {
  const text = keyOf(name);
  return TEMPORARY.test(text) && !receiving.has(text);
};

/** What file systems say that have no files without a name. */
const NO_UNNAMED: ReadonlySet<string | undefined> = new Set(['EOPNOTSUPP', 'EISDIR', 'EINVAL', 'ENOSYS']);

/** Whether it has its name now. Where something that WebDAV does not show has it, that is replaced. */
async function linked(file: UnnamedFile, path: Uint8Array): Promise<boolean> {
  try {
    await file.link(path);
    return true;
  } catch (cause) {
    if (cause instanceof KernelError && cause.errno === 'EEXIST') return false;
    throw cause;
  }
}

/** A part of a file, in place. */
export async function put(context: DavContext): Promise<Response> {
  const { place, request } = context;
  const before = await mayPut(context);
  await putRange(context, before, request.headers.get('content-range') ?? '');
  return putAnswer(context, before, place.path);
}

/** What is there. */
async function mayPut(context: DavContext): Promise<Resource | undefined> {
  const { tree, place, locks, tokens } = context;
  const { path } = place;
  if (place.isCollection) throw new DavFailure(405, 'a collection is made by MKCOL');
  await mustHaveParent(context, path);
  const before = await find(tree, path);
  if (before?.isCollection) throw new DavFailure(405, 'it is a collection');
  locks.check(keyOf(path), tokens, before ? {} : { parent: keyOf(parentOf(path)) });
  return before;
}

/** Where a symlink leads, if the name is one. */
const targetOf = async ({ tree, place }: DavContext, before: Resource | undefined): Promise<Uint8Array> =>
  before ? (await tree.realpath(treePath(place.path))).subarray(1) : place.path;

async function putAnswer({ tree }: DavContext, before: Resource | undefined, path: Uint8Array): Promise<Response> {
  const now = await find(tree, path);
  return new Response(null, { status: before ? 204 : 201, ...(now && { headers: { etag: etagOf(now) } }) });
}

/** In place, as clients that write files piece by piece want it. */
async function putRange(
  { changes, place, request }: DavContext,
  before: Resource | undefined,
  range: string,
): Promise<void> {
  const [, first, last] = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/.exec(range) ?? [];
  if (first === undefined || last === undefined) throw new DavFailure(400, 'Content-Range is "bytes FIRST-LAST/*"');
  if (!before) throw new DavFailure(409, 'a part of what is not there');
  const length = Number(last) - Number(first) + 1;
  const file = await changes.open(treePath(place.path), O_RDWR);
  try {
    let done = 0;
    for await (const piece of bodyOf(request)) {
      if (done + piece.length > length) throw new DavFailure(400, 'the body is longer than its Content-Range');
      await file.write(Number(first) + done, piece);
      done += piece.length;
    }
    if (done < length) throw new DavFailure(400, 'the body is shorter than its Content-Range');
  } finally {
    await file.close();
  }
}

async function* bodyOf({ body }: Request): AsyncGenerator<Uint8Array, void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** What the file system does not take is left out: a copy is still a copy. */
async function copyAttributes(
  { tree }: DavContext,
  from: Uint8Array,
  set: (name: string, value: Uint8Array) => Promise<void>,
): Promise<void> {
  for (const { name, value } of await tree.xattrs(treePath(from))) {
    await set(new TextDecoder().decode(name), value).catch(failureOf);
  }
}

export async function mkcol(context: DavContext): Promise<Response> {
  const { changes, tree, place, request, locks, tokens } = context;
  const { path } = place;
  if ((await request.arrayBuffer()).byteLength > 0) throw new DavFailure(415, 'a collection is made without a body');
  if (await find(tree, path)) throw new DavFailure(405, 'it is there already');
  await mustHaveParent(context, path);
  locks.check(keyOf(path), tokens, { parent: keyOf(parentOf(path)) });
  await changes.mkdir(path, 0o755);
  return new Response(null, { status: 201 });
}

export async function del(context: DavContext): Promise<Response> {
  const { changes, tree, place, request, locks, tokens } = context;
  noRoot(place.path);
  const found = await mustFind(context);
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (found.isCollection && depth !== 'infinity')
    throw new DavFailure(400, 'a collection goes whole: Depth is infinity');
  const key = keyOf(place.path);
  locks.check(key, tokens, { isTree: true, parent: keyOf(parentOf(place.path)) });
  await remove(tree, changes, place.path, { recursive: true });
  locks.forget(key);
  return new Response(null, { status: 204 });
}

/** Where COPY and MOVE lead, and whether something was there, which is gone then. */
async function destination(
  context: DavContext,
  from: Resource,
): Promise<{ readonly path: Uint8Array; readonly wasThere: boolean }> {
  const { changes, tree, request, locks, tokens } = context;
  const header = request.headers.get('destination');
  if (header === null) throw new DavFailure(400, 'Destination is missing');
  const place = placeOfUrl(context, header);
  if (place === undefined) throw new DavFailure(502, 'Destination is on another server');
  const { path } = place;
  const target = keyOf(path);
  await mustHaveParent(context, path);
  await mustBeApart(tree, from, path);
  const there = await find(tree, path);
  if (there && request.headers.get('overwrite')?.toUpperCase() === 'F')
    throw new DavFailure(412, 'the destination is there');
  locks.check(target, tokens, { isTree: true, ...(!there && { parent: keyOf(parentOf(path)) }) });
  if (there) {
    noRoot(path);
    await remove(tree, changes, path, { recursive: true });
    locks.forget(target);
  }
  return { path, wasThere: there !== undefined };
}

/** Wherever symlinks on the way lead: what is put at `path` must not take the source away, nor be part of it. */
async function mustBeApart(tree: Tree, from: Resource, path: Uint8Array): Promise<void> {
  const target = await ownPlace(tree, path);
  for (const source of [await ownPlace(tree, from.path), keyOf(await tree.realpath(treePath(from.path))).slice(1)]) {
    if (source === target) throw new DavFailure(403, 'source and destination are the same');
    if (isWithin(target, source) || (from.isCollection && isWithin(source, target)))
      throw new DavFailure(409, 'one of source and destination is in the other');
  }
}

/** Where the name itself lies, whatever it leads to, without symlinks on the way. */
async function ownPlace(tree: Tree, path: Uint8Array): Promise<string> {
  if (path.length === 0) return '';
  const parent = await tree.realpath(treePath(parentOf(path)));
  return keyOf(joinPath(parent.subarray(1), nameOf(path)));
}

export async function move(context: DavContext): Promise<Response> {
  const { changes, place, request, locks, tokens } = context;
  noRoot(place.path);
  const found = await mustFind(context);
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (found.isCollection && depth !== 'infinity')
    throw new DavFailure(400, 'a collection moves whole: Depth is infinity');
  const key = keyOf(place.path);
  locks.check(key, tokens, { isTree: true, parent: keyOf(parentOf(place.path)) });
  const { path, wasThere } = await destination(context, found);
  await changes.rename(place.path, path);
  locks.forget(key);
  return new Response(null, { status: wasThere ? 204 : 201 });
}

export async function copy(context: DavContext): Promise<Response> {
  const { request } = context;
  const found = await mustFind(context);
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (depth !== '0' && depth !== 'infinity') throw new DavFailure(400, 'Depth is 0 or infinity');
  const { path, wasThere } = await destination(context, found);
  await copyResource(context, found, path, depth === 'infinity');
  return new Response(null, { status: wasThere ? 204 : 201 });
}

const PIECE_BYTES = 256 * 1024;

async function copyResource(context: DavContext, from: Resource, to: Uint8Array, isDeep: boolean): Promise<void> {
  const { changes, tree } = context;
  const mode = from.stat.mode & 0o7777;
  if (from.isLink) return changes.symlink(await tree.readlink(from.path), to);
  if (from.isCollection) {
    await changes.mkdir(to, mode);
    await copyAttributes(context, from.path, (name, value) => changes.setXattr(treePath(to), name, value));
    if (!isDeep) return;
    for await (const member of members(tree, from.path)) {
      await copyResource(context, member, joinPath(to, nameOf(member.path)), true);
    }
    return;
  }
  const source = await tree.openFile(treePath(from.path));
  try {
    const target = await changes.open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
    try {
      const piece = new Uint8Array(PIECE_BYTES);
      for (let at = 0; ; ) {
        const bytes = await source.read(at, piece);
        if (bytes === 0) break;
        await target.write(at, piece.subarray(0, bytes));
        at += bytes;
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await copyAttributes(context, from.path, (name, value) => changes.setXattr(treePath(to), name, value));
}

interface Update {
  readonly name: Name;
  /** Undefined: it is removed. */
  readonly value: Dead | undefined;
}

/** All or nothing (RFC 4918, section 9.2). */
export async function proppatch(context: DavContext): Promise<Response> {
  const { changes, place, request, locks, tokens, tree } = context;
  const found = await mustFind(context);
  const updates = updatesOf(await xmlBody(request));
  locks.check(keyOf(place.path), tokens);
  const path = treePath(place.path);
  const statuses: number[] = updates.map(({ name }) => (isLive(name) ? 403 : 200));
  if (!statuses.includes(403)) {
    const before = await tree.xattrs(path);
    const done: string[] = [];
    for (const [index, { name, value }] of updates.entries()) {
      const attribute = await attributeOf(name);
      try {
        if (value) await changes.setXattr(path, attribute, encodeDead(value));
        else await changes.removeXattr(path, attribute).catch(ignoreMissing);
        done.push(attribute);
      } catch (cause) {
        statuses[index] = failureOf(cause).status === 507 ? 507 : 403;
        for (const one of done.reverse()) {
          const old = before.find(({ name: key }) => new TextDecoder().decode(key) === one);
          if (old) await changes.setXattr(path, one, old.value);
          else await changes.removeXattr(path, one).catch(ignoreMissing);
        }
        break;
      }
    }
  }
  const failed = statuses.some((status) => status !== 200);
  const shown = updates.map(({ name }, index) => {
    const status = statuses[index] ?? 200;
    return propstat([emptyTag(name)], failed && status === 200 ? 424 : status);
  });
  const text = `<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:"><D:response><D:href>${escaped(href(context, found.path, found.isCollection))}</D:href>${shown.join('')}</D:response></D:multistatus>\n`;
  return multistatus(once(text));
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

const ignoreMissing = (cause: unknown): void => {
  if (cause instanceof Error && 'errno' in cause && cause.errno === 'ENODATA') return;
  throw cause;
};

function updatesOf(body: string): Update[] {
  const updates = elementsOf(readRequest(body, 'propertyupdate')).flatMap((action) => {
    const isSet = isDav(action, 'set');
    const prop = davChild(action, 'prop');
    if (!(isSet || isDav(action, 'remove')) || !prop) return [];
    return elementsOf(prop).map((element): Update => {
      const { ns, local } = element;
      return { name: { ns, local }, value: isSet ? { ns, local, content: contentXml(element) } : undefined };
    });
  });
  if (updates.length === 0) throw new DavFailure(400, 'propertyupdate sets and removes nothing');
  return updates;
}
