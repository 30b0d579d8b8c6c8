/** qcow2, QEMU's own format: versions 2 and 3, with backing files, snapshots and compressed clusters. */

import { ChoiceError } from '../../errors.ts';
import type { Choice, Format } from '../format.ts';
import { mapped } from '../parts/mapped.ts';
import { viewOf } from '../parts/table.ts';
import { clusterMap } from './clusters.ts';
import { checkTables, type Header, MAGIC, QCOW2, readHeader, readSnapshots, type Snapshot } from './header.ts';
import { qcow2Reach } from './reach.ts';
import { Qcow2Writer } from './write/writer.ts';

export const qcow2: Format = {
  name: QCOW2,
  matches({ head }) {
    if (head.length < 8) return false;
    const version = viewOf(head).getUint32(4);
    return viewOf(head).getUint32(0) === MAGIC && version >= 2 && version < 16;
  },
  async open(source, context) {
    const header = await readHeader(source);
    const snapshots = await readSnapshots(source, header, context);
    const active = context.snapshot === undefined ? header : chosen(snapshots, context.snapshot);
    checkTables(header, active);
    const { backing: below, dataFile } = header;
    const data = dataFile === undefined ? undefined : await context.sibling(QCOW2, dataFile);
    const parent = below && (await context.parent(QCOW2, below.name, below.format));
    const backing = parent?.content;
    const files = { source, data, backing, chunks: context.chunks };
    const claimedBytes = await qcow2Reach(source, header, active);
    const isCut = claimedBytes > source.sizeBytes;
    const readOnly = source.write && (isCut ? 'it was cut short' : whyReadOnly(header, context.snapshot));
    const content =
      source.write && readOnly === undefined
        ? await Qcow2Writer.open(
            source,
            header,
            (view) => mapped(clusterMap(header, active, files, { view })),
            backing !== undefined,
          )
        : mapped(clusterMap(header, active, files));
    return {
      content,
      claimedBytes,
      writes: content.write !== undefined,
      ...(readOnly !== undefined && { readOnly }),
      note: `version ${header.version}`,
      choices: snapshots.map(choiceOf),
      layers: parent?.layers ?? [],
    };
  },
};

/** What would no longer be right once it was written, or is not now. */
function whyReadOnly(header: Header, snapshot: string | undefined): string | undefined {
  if (snapshot !== undefined) return 'a snapshot is what the disk was';
  if (header.isCorrupt) return 'it is marked as damaged: `qemu-img check -r all` mends it';
  if (header.isDirty) return 'whoever wrote it did not finish: `qemu-img check -r all` mends it';
  if (header.hasBitmaps)
    return 'its bitmaps of changes would no longer be right: `qemu-img bitmap --remove` takes them away';
  if (header.dataFile !== undefined) return 'its data are in a file of their own';
  return undefined;
}

const choiceOf = ({ id, name, sizeBytes }: Snapshot): Choice => ({
  kind: 'snapshot',
  name: name || id,
  sizeBytes,
  note: `id ${id}`,
});

/** By id or by name, as `qemu-img` takes them. */
function chosen(snapshots: readonly Snapshot[], wanted: string): Snapshot {
  const found = snapshots.find(({ id }) => id === wanted) ?? snapshots.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = snapshots.map(({ id, name }) => name || id);
  const there = names.length > 0 ? `there is ${names.join(', ')}` : 'it has none';
  throw new ChoiceError('snapshot', `qcow2: there is no snapshot ${JSON.stringify(wanted)}: ${there}`, names);
}
