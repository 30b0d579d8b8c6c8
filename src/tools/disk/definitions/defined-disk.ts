/** The plan of a disk, of systemd's definitions or of a configuration of genimage. */

import type { DiskPlan } from '../plan.ts';
import { genimagePlan } from './genimage.ts';
import type { Included } from './genimage-syntax.ts';
import { type Definition, repartPlan } from './repart.ts';

export type DiskDefinition =
  | {
      readonly files: readonly Definition[];
      /** Default: gpt. */
      readonly table?: 'gpt' | 'dos' | undefined;
      /** Whose partitions "root" and "usr" are. */
      readonly architecture: string;
    }
  | {
      readonly genimage: string;
      /** Files that it includes. */
      readonly included?: Included | undefined;
      /** Of a configuration that has several disks. */
      readonly disk?: string | undefined;
    };

export interface DefinedDisk {
  readonly plan: DiskPlan;
  /** What is in the definitions and changes nothing here, in words. */
  readonly ignored: readonly string[];
}

const MIB = 2 ** 20;

/** `sizeBytes`: of the disk; default: what the definition says, else what it takes. Throws `invalid-request`. */
export function definedDisk(definition: DiskDefinition, sizeBytes: number | undefined): DefinedDisk {
  if ('genimage' in definition) {
    const { plan, ignored } = genimagePlan(definition.genimage, definition.disk, definition.included);
    return { plan: { ...plan, sizeBytes: sizeBytes ?? plan.sizeBytes }, ignored };
  }
  const { files, table = 'gpt', architecture } = definition;
  const { partitions, ignored } = repartPlan(files, architecture);
  return { plan: { table, id: undefined, partitions, sizeBytes, alignBytes: MIB }, ignored };
}
