/** `lkl mkimage`: a whole disk of definitions: the partition table, and what is in each partition. */

import { createHash } from 'node:crypto';
import { nodeHost } from '../../../src/node/host.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { type MadeDisk, makeDisk } from '../../../src/tools/disk/make-disk.ts';
import type { DiskPlan } from '../../../src/tools/disk/plan.ts';
import type { LuksRequest } from '../../../src/tools/luks/encrypted-disk.ts';
import { Failure, printable } from '../../failure.ts';
import { openWholeDiskFile } from '../../input/disk.ts';
import { secretOf } from '../../input/unlock.ts';
import { tellLosses } from '../../output/losses.ts';
import { type MadeImage, makeImageFile, tellRaw } from '../image-file.ts';
import { newEncryptedDisk } from '../luks.ts';
import { inWorkshopOf, notAfterNs, toolEngine } from '../shop.ts';
import { temporaryDisk } from '../temporary-disk.ts';
import { readDefinitions } from './definitions.ts';
import { type SourceOptions, sourceEntries, sourcePath } from './sources.ts';

export interface MkimageOptions {
  readonly output: string;
  readonly size?: number;
  readonly table?: 'gpt' | 'dos';
  readonly root?: string;
  readonly input?: string;
  readonly image?: string;
  readonly architecture: string;
  readonly keyFile?: string;
  readonly keepOwner?: true;
  readonly force?: true;
  readonly seed?: string;
  readonly json?: true;
  readonly quiet?: true;
}

/** Whether every file is there. Nothing is at `output` when it rejects. */
export async function mkimage(path: string, options: MkimageOptions): Promise<boolean> {
  const { plan, folder, ignored } = await readDefinitions(path, {
    table: options.table,
    size: options.size,
    architecture: options.architecture,
    image: options.image,
    hasRoot: options.root !== undefined,
  });
  for (const one of ignored) console.error(`lkl: ${printable(one)}`);
  const sources = {
    root: options.root,
    folder: options.input ?? folder,
    keepOwner: options.keepOwner === true,
  };
  const disk = await make(plan, options, sources);
  tellRaw(options.output);
  tell(disk, plan, options.json === true);
  let isWhole = true;
  for (const { filled } of disk.partitions) if (filled && !tellLosses(filled)) isWhole = false;
  return isWhole;
}

async function make(
  plan: DiskPlan,
  { output, force, seed, keyFile }: MkimageOptions,
  sources: SourceOptions,
): Promise<MadeDisk> {
  const isEncrypted = plan.partitions.some((partition) => partition.isEncrypted);
  if (isEncrypted && keyFile === undefined)
    throw new Failure('usage', 'the definitions have Encrypt=key-file: --key-file says which');
  if (!isEncrypted && keyFile !== undefined)
    throw new Failure('usage', '--key-file is of partitions with Encrypt=key-file, and the definitions have none');
  const secret = isEncrypted ? await secretOf({ keyFile }) : undefined;
  const engine = await toolEngine();
  let made: MadeImage | undefined;
  const host = {
    entropy: nodeHost.entropy,
    sha256,
    notAfterNs: notAfterNs(),
    inWorkshop: <T>(itsSeed: string | undefined, work: Parameters<typeof inWorkshopOf<T>>[2]) =>
      inWorkshopOf(engine, itsSeed === undefined ? {} : { seed: itsSeed }, work),
    scratch: temporaryDisk,
    encrypt: secret && ((disk: BlockDevice, luks: LuksNames) => newEncryptedDisk(engine, disk, { ...luks, secret })),
    target(bytes: number) {
      made = makeImageFile(output, { size: bytes, ...(force && { force }) });
      return rawDevice(made.file);
    },
    entries: (source: Parameters<typeof sourceEntries>[0]) => sourceEntries(source, sources),
    blocks: async (path: string) => (await openWholeDiskFile(sourcePath(path, sources), { format: 'raw' })).device,
  };
  try {
    const disk = await makeDisk(plan, host, seed);
    made?.keep();
    return disk;
  } catch (cause) {
    made?.discard();
    throw cause;
  }
}

type LuksNames = Pick<LuksRequest, 'uuid' | 'label'>;

function sha256(...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

function tell({ partitions, rootHashes }: MadeDisk, { table }: DiskPlan, isJson: boolean): void {
  if (!isJson) {
    for (const hash of rootHashes) console.log(`roothash=${hash}`);
    return;
  }
  const rows = partitions.map(({ planned, uuid, startBytes, sizeBytes }) => ({
    name: planned.name,
    label: planned.label,
    type: planned.typeGuid,
    ...(table === 'gpt' && { uuid }),
    start_bytes: startBytes,
    size_bytes: sizeBytes,
    ...(planned.isEncrypted && { encrypted: true }),
    content: planned.content.kind === 'file-system' ? planned.content.type : planned.content.kind,
  }));
  console.log(JSON.stringify({ roothash: rootHashes[0], partitions: rows }, null, 2));
}
