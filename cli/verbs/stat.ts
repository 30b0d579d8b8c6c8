/** `lkl stat`: all that is known of files of an image. */

import type { FileEntry } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expandAll } from '../look/walk.ts';
import { entryJson, exactTime, modeText, octal, shown, textMembers } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';

export interface StatOptions extends ImageOptions {
  readonly follow?: true;
  readonly json?: true;
}

type Xattrs = ReadonlyMap<string, Buffer> | undefined;

export const stat = (image: string, paths: readonly string[], options: StatOptions): Promise<void> =>
  withTree(image, options, (tree, troubles) =>
    printing(async (out) => {
      const all: unknown[] = [];
      for await (const path of expandAll(tree, paths, troubles)) {
        const entry = await troubles.attempt(() => tree.entry(path, options.follow === true));
        if (!entry) continue;
        const xattrs = await troubles.attempt(() => tree.xattrs(path));
        if (options.json) all.push(jsonOf(path, entry, xattrs));
        else await out.print(textOf(path, entry, xattrs));
      }
      if (options.json) await out.json(all);
    }),
  );

function textOf(path: Buffer, entry: FileEntry, xattrs: Xattrs): string {
  const { more, target } = entry;
  const rows: [string, string | undefined][] = [
    ['path', shown(path)],
    ['type', entry.type],
    ['target', target && shown(target)],
    ['size', `${entry.sizeBytes} bytes${more ? `, ${more.allocatedBytes} on the disk` : ''}`],
    [
      'device',
      more && (entry.type === 'char' || entry.type === 'block')
        ? `${more.device.major}, ${more.device.minor}`
        : undefined,
    ],
    ['inode', more?.inode.split(':').at(-1)],
    ['links', `${entry.links}`],
    ['mode', `${octal(entry.mode)} ${modeText(entry)}`],
    ['owner', `${entry.uid}:${entry.gid}`],
    ['modified', exactTime(entry.mtimeNs)],
    ['changed', more && exactTime(more.ctimeNs)],
    ['accessed', more && exactTime(more.atimeNs)],
    ['born', more?.btimeNs === undefined ? undefined : exactTime(more.btimeNs)],
    ...[...(xattrs ?? [])].map(([name, value]): [string, string] => [
      'xattr',
      `${shown(Buffer.from(name))} ${valueText(value)}`,
    ]),
  ];
  const lines = rows.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padStart(8)}  ${value}`]));
  return `${lines.join('\n')}\n`;
}

/** Text as it is, anything else in hex, as getfattr(1) chooses. */
const valueText = (value: Buffer): string =>
  /^[\x20-\x7e]*\0?$/.test(value.toString('latin1'))
    ? JSON.stringify(value.toString('latin1').replace(/\0$/, ''))
    : `0x${value.toString('hex')}`;

const jsonOf = (path: Buffer, entry: FileEntry, xattrs: Xattrs) => ({
  ...entryJson(entry, path),
  ...textMembers('path', path),
  ...(xattrs && { xattrs: [...xattrs].map(([name, value]) => ({ name, base64: value.toString('base64') })) }),
});
