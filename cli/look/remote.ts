/** The tree of an image that a Worker has stored, by its HTTP interface. */

import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { shownBytes } from '../../src/bytes/shown-bytes.ts';
import { headerOf } from '../../src/tree/byte-range.ts';
import { Failure, reasonOf } from '../failure.ts';
import { unlockOf } from '../input/unlock.ts';
import type { DiskOptions, ImageOptions, StackOptions } from '../options.ts';
import { failureOf, send } from '../remote/client.ts';
import {
  below,
  type FileEntry,
  type FileSystemUse,
  type FileType,
  type ImageTree,
  type NamedFile,
  type OnTrouble,
  type Trouble,
} from './image-tree.ts';

/** An entry of a directory as the Worker tells it. */
interface RemoteEntry {
  readonly name: string;
  readonly name_base64?: string;
  readonly type: FileType;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size_bytes: number;
  readonly links: number;
  readonly mtime_ns: string;
  readonly target?: string;
  readonly target_base64?: string;
}

interface RemoteLacking {
  readonly name?: string;
  readonly name_base64?: string;
  readonly type?: FileType;
  readonly detail: string;
}

interface RemotePage {
  readonly entries: readonly RemoteEntry[];
  readonly lacking?: readonly RemoteLacking[];
  readonly cursor?: string;
}

const MAX_LINKS = 40;
const LIMIT = '10000';

/** `also` and `header` are names of images that the Worker has. */
export function queryOf(asked: ImageOptions): URLSearchParams {
  const { type, partition, options, subvol: subvolume, offset, size, header, also = [] } = asked;
  const { format, member, state: snapshot } = asked;
  const disk = { format, member, snapshot, offset, size, header };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ type, partition, options, subvolume, ...disk })) {
    if (value !== undefined) query.set(name, `${value}`);
  }
  for (const name of also) query.append('also', name);
  return query;
}

/** What opens encrypted volumes; nobody is asked for it. */
export async function secretsOf(options: StackOptions): Promise<Record<string, string>> {
  const { secrets = [] } = await unlockOf(options);
  const keys = secrets.map((secret) => Buffer.from(secret).toString('base64'));
  return keys.length > 0 ? { 'lkl-key': keys.join(', ') } : {};
}

export async function answerOf(url: URL, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  const answer = await send('GET', url, undefined, headers);
  if (answer.statusCode !== 200 && answer.statusCode !== 206) throw await failureOf(answer);
  return answer;
}

/** The URL of an image that the Worker at `base` has. */
const imageUrl = (base: URL, image: string): URL => new URL(`v1/images/${encodeURIComponent(image)}`, base);

/** The URL of what it says of an image and of what belongs to it. */
export function describedUrl(
  base: URL,
  image: string,
  { also, header, format, member, state }: StackOptions & DiskOptions,
): URL {
  const url = imageUrl(base, image);
  url.search = queryOf({
    ...(also && { also }),
    ...(header !== undefined && { header }),
    format,
    member,
    state,
  }).toString();
  return url;
}

export async function treeAt(base: URL, image: string, options: ImageOptions): Promise<ImageTree> {
  const query = queryOf(options);
  const secrets = await secretsOf(options);
  const fileUrl = (path: Buffer, more: Readonly<Record<string, string>> = {}): URL => {
    const url = new URL(`${imageUrl(base, image).href}/files/${percent(path)}`);
    url.search = new URLSearchParams([...query, ...Object.entries(more)]).toString();
    return url;
  };

  async function list(path: Buffer, onTrouble?: OnTrouble): Promise<FileEntry[]> {
    const entries: FileEntry[] = [];
    const onError = onTrouble ? 'continue' : 'stop';
    let isPart = false;
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const url = fileUrl(path, { limit: LIMIT, 'on-error': onError, ...(cursor && { cursor }) });
      const answer = await answerOf(url, secrets).catch((cause) => {
        if (!onTrouble) throw cause;
        onTrouble({ cause });
      });
      if (!answer) return entries;
      if (!answer.headers['content-type']?.startsWith('application/json')) {
        answer.destroy();
        throw new Failure('image', `${shownBytes(path)}: not a directory (ENOTDIR)`);
      }
      const page = (await json(answer)) as RemotePage;
      for (const entry of page.entries) entries.push(entryOf(entry));
      for (const { name, name_base64, type, detail } of page.lacking ?? []) {
        // A listing that ends early does so for each of its pages.
        if (name === undefined && isPart) continue;
        isPart ||= name === undefined;
        const cause = new Failure('image', detail);
        onTrouble?.({ cause, ...(name !== undefined && { name: bytesOf(name, name_base64) }), type });
      }
      cursor = page.cursor;
    }
    return entries;
  }

  /** What is not told of a file beyond its name and type is no trouble to who asks for these alone. */
  async function names(path: Buffer, onTrouble?: OnTrouble): Promise<readonly NamedFile[]> {
    if (!onTrouble) return list(path);
    const found: NamedFile[] = [];
    const entries = await list(path, (trouble) => {
      const { name, type } = trouble;
      if (name && type) found.push({ name, type });
      else onTrouble(trouble);
    });
    if (found.length === 0) return entries;
    return [...entries, ...found].sort((a, b) => Buffer.compare(a.name, b.name));
  }

  /** Looked for in the directory that has it: the Worker tells of files there. */
  async function entry(path: Buffer, follow = true, links = 0): Promise<FileEntry> {
    const parts = path
      .toString('latin1')
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    const name = parts.pop();
    if (name === undefined || name === '..') return { ...rootEntry, name: path };
    const parent = Buffer.from(parts.join('/'), 'latin1');
    const lacking: Trouble[] = [];
    const entries = await list(parent, (trouble) => {
      if (trouble.name === undefined || trouble.name.toString('latin1') === name) lacking.push(trouble);
    });
    const found = entries.find((one) => one.name.toString('latin1') === name);
    if (found === undefined && lacking[0]) throw lacking[0].cause;
    if (found === undefined) throw new Failure('image', `${shownBytes(path)}: no such file or directory (ENOENT)`);
    if (found.target === undefined || !follow) return found;
    if (links === MAX_LINKS)
      throw new Failure('image', `${shownBytes(path)}: too many levels of symbolic links (ELOOP)`);
    const target = found.target.at(0) === 0x2f ? found.target : below(parent, found.target);
    return { ...(await entry(normal(target), true, links + 1)), name: found.name };
  }

  return {
    cut: undefined,
    entry: (path, follow) => entry(path, follow),
    list,
    names,
    async *read(path, range) {
      const answer = await answerOf(fileUrl(path), { ...secrets, ...(range && { range: headerOf(range) }) });
      if (answer.headers['content-type']?.startsWith('application/json')) {
        answer.destroy();
        throw new Failure('image', `${shownBytes(path)}: is a directory (EISDIR)`);
      }
      try {
        yield* answer;
      } catch (cause) {
        throw new Failure('failed', `${shownBytes(path)}: the answer broke off: ${reasonOf(cause)}`);
      }
    },
    xattrs: async () => undefined,
    use: () => useOf(base, image, options),
    close: async () => {},
  };
}

async function useOf(base: URL, image: string, options: ImageOptions): Promise<FileSystemUse> {
  const { partition } = options;
  const report = (await json(await answerOf(describedUrl(base, image, options), await secretsOf(options)))) as {
    readonly file_system?: RemoteUse;
    readonly partitions: readonly { readonly number: number; readonly file_system?: RemoteUse }[];
  };
  const found = report.partitions.filter(({ file_system }) => file_system !== undefined);
  const chosen =
    partition === undefined
      ? (report.file_system ?? (found.length === 1 ? found[0]?.file_system : undefined))
      : found.find(({ number }) => `${number}` === partition)?.file_system;
  if (chosen === undefined) throw new Failure('image', `${image}: name a partition by its number with -p`);
  const { type, size_bytes = 0, used_bytes = 0, free_bytes = 0 } = chosen;
  return { type, sizeBytes: size_bytes, usedBytes: used_bytes, availableBytes: free_bytes, files: 0, filesFree: 0 };
}

interface RemoteUse {
  readonly type: string;
  readonly size_bytes?: number;
  readonly used_bytes?: number;
  readonly free_bytes?: number;
}

const bytesOf = (text: string, base64: string | undefined): Buffer =>
  base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64');

const entryOf = (entry: RemoteEntry): FileEntry => ({
  name: bytesOf(entry.name, entry.name_base64),
  type: entry.type,
  mode: Number.parseInt(entry.mode, 8),
  uid: entry.uid,
  gid: entry.gid,
  sizeBytes: entry.size_bytes,
  links: entry.links,
  mtimeNs: BigInt(entry.mtime_ns),
  target: entry.target === undefined ? undefined : bytesOf(entry.target, entry.target_base64),
  more: undefined,
});

/** The Worker tells of files in directories, and the root is in none. */
const rootEntry = {
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  links: 1,
  mtimeNs: 0n,
  target: undefined,
  more: undefined,
} as const;

/** Without "." and "..", as the Worker resolves them. */
function normal(path: Buffer): Buffer {
  const parts: string[] = [];
  for (const part of path.toString('latin1').split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return Buffer.from(parts.join('/'), 'latin1');
}

/** Every byte that is not plain, as %XX; slashes stay. */
const percent = (path: Buffer): string =>
  normal(path)
    .toString('latin1')
    .replaceAll(/[^\w.~/-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
