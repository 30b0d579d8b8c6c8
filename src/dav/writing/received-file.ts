/** A file that is received apart from the one that is there, until it is whole. */

import { O_CREAT, O_EXCL, O_WRONLY } from '../../abi/uapi/fs.ts';
import { joinPath } from '../../bytes/paths.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { UnnamedFile } from '../../tree/write/changes.ts';
import type { DavContext } from '../context.ts';
import { keyOf, nameOf, parentOf } from '../paths.ts';
import { type Resource, treePath } from '../resource.ts';
import { copyAttributes } from './target.ts';

const encoder = new TextEncoder();

/** A name beside `path` that nobody else takes. */
const beside = ({ uniqueName }: DavContext, path: Uint8Array): Uint8Array =>
  joinPath(parentOf(path), encoder.encode(`.lkl-${uniqueName()}`));

/** A file that is received; `before` is what it takes the place of, whose owner, mode and attributes it has then. */
interface ReceivedFile {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  place(target: Uint8Array, before: Resource | undefined): Promise<void>;
  /** Twice is once. */
  discard(): Promise<void>;
}

/** Without a name until it is whole, so that a crash leaves nothing; with one beside `target` where the file system has no such files. */
export async function receivedFile(context: DavContext, target: Uint8Array): Promise<ReceivedFile> {
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
