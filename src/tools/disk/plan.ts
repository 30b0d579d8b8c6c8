/** A disk that is to be made: its partition table and what goes into each partition. No file is read here. */

/** A path of the host, and where it goes in the tree. */
export interface TreeSource {
  readonly from: string;
  /** Without slashes at its ends; empty: the top. */
  readonly to: string;
  /** As definitions have them: what is left out, below `from`. */
  readonly exclude: readonly string[];
}

export interface FileSystemContent {
  readonly kind: 'file-system';
  readonly type: string;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  readonly sources: readonly TreeSource[];
  readonly directories: readonly string[];
  /** As small as what is in it allows. */
  readonly minimize: boolean;
  /** Words for the program that makes it. */
  readonly more: readonly string[];
  /** Of the file system, where it is smaller than its partition; default: as large as that. */
  readonly bytes?: number | undefined;
}

export type PartitionContent =
  | FileSystemContent
  /** As it is in a file. */
  | { readonly kind: 'blocks'; readonly path: string }
  | { readonly kind: 'swap'; readonly label: string | undefined; readonly uuid: string | undefined }
  /** dm-verity's hashes of another partition, by its index. */
  | { readonly kind: 'verity'; readonly of: number }
  | { readonly kind: 'empty' };

export interface PlannedPartition {
  /** For messages. */
  readonly name: string;
  readonly typeGuid: string;
  /** In a DOS table; default: what the GUID stands for there. */
  readonly typeCode?: string | undefined;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  /** GPT attributes as sfdisk has them. */
  readonly attributes: readonly string[];
  readonly bootable: boolean;
  readonly content: PartitionContent;
  /** It is a LUKS2 volume with that in it. */
  readonly isEncrypted?: boolean | undefined;
  readonly minBytes: number | undefined;
  readonly maxBytes: number | undefined;
  /** How much of what is left it gets, beside the others; 0: nothing. */
  readonly weight: number;
  /** Where it begins; default: behind the one before. */
  readonly offset?: number | undefined;
  /** Whether the table names it. */
  readonly inTable: boolean;
}

export interface DiskPlan {
  readonly table: 'gpt' | 'dos' | 'none';
  /** A GPT whose master boot record has those of its partitions, too, that have a code for it. */
  readonly isHybrid?: boolean | undefined;
  /** The GUID of a GPT, or the number of a DOS table (0x12345678). */
  readonly id: string | undefined;
  readonly partitions: readonly PlannedPartition[];
  /** Of the whole; default: as much as it takes. */
  readonly sizeBytes: number | undefined;
  /** Partitions begin on multiples of it. */
  readonly alignBytes: number;
}
