/** Which of an image's volumes a tool is to work on. */

import { HostError } from '../errors/host-error.ts';
import type { ImageReport, PartitionReport, PartitionSelector, VolumeReport } from '../image/mounted-image.ts';
import { isMemberType } from '../image/volumes/exposed.ts';

/** Of a volume that nothing is known of: who wants it checked says what it was. */
export const nothingKnown = (title: string): HostError =>
  new HostError('no-file-system', `nothing is known of what is on ${title}: --type says what it was`);

export interface Volume {
  /** Undefined: the whole image. */
  readonly partition: number | undefined;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** As blkid(8) calls what is on it. */
  readonly type: string;
  /** Only a copy of its superblock tells that. */
  readonly byCopy: boolean;
}

/** `can`: types that the tool knows. Rejects as mounting does, for what was cut short too, but takes what no kernel would mount any more. */
export function volumeOf(
  report: ImageReport,
  selector: PartitionSelector | undefined,
  asked: string | undefined,
  can: (type: string) => boolean,
  evenIfCut = false,
): Volume {
  if (!evenIfCut) mustBeWhole(report);
  const known = (content: VolumeReport | undefined) =>
    content !== undefined && (asked !== undefined || can(content.type));
  const whole = { partition: undefined, startBytes: 0, sizeBytes: report.sizeBytes };
  const typed = (place: Omit<Volume, 'type' | 'byCopy'>, content: VolumeReport | undefined): Volume => {
    const type = asked ?? content?.type;
    if (type !== undefined) return { ...place, type, byCopy: asked === undefined && content?.byCopy === true };
    throw new HostError('no-file-system', 'nothing is known of what is there: --type says what it was');
  };
  const part = ({ number, startBytes, sizeBytes, content }: PartitionReport): Volume =>
    typed({ partition: number, startBytes, sizeBytes }, content);

  if (selector === 'whole') return typed(whole, report.content);
  if (selector !== undefined) return part(selected(report, String(selector)));
  // A partition that begins where the image does is another name of the whole.
  const bearing = report.partitions.filter(({ startBytes, content }) => startBytes > 0 && known(content));
  if (known(report.content) && bearing.length === 0) return typed(whole, report.content);
  if (bearing.length > 1 || known(report.content)) {
    const numbers = bearing.map(({ number }) => number).join(', ');
    throw new HostError(
      'several-file-systems',
      `there are file systems on several partitions (${numbers}): --partition says which`,
    );
  }
  const [only] = bearing;
  if (only) return part(only);
  if (report.partitions.length === 0) return typed(whole, report.content);
  throw new HostError('no-file-system', 'no partition has a file system that can be worked on');
}

/** A checker takes the half that is missing for a mistake of the superblock, and a larger size would make it look whole. */
export function mustBeWhole({ sizeBytes, claimedBytes }: Pick<ImageReport, 'sizeBytes' | 'claimedBytes'>): void {
  if (claimedBytes === undefined) return;
  throw new HostError(
    'image-cut',
    `the image has ${sizeBytes.toLocaleString('en')} bytes, what is on it ${claimedBytes.toLocaleString('en')}: half of it is neither checked nor resized`,
    { members: { there_bytes: sizeBytes, claimed_bytes: claimedBytes } },
  );
}

/**
 * Whether what is meant lies in an encrypted volume, a volume group or an array: it is in one that is named, or goes by a name that no
 * partition has, or there is nothing else. Whoever says of which type it is means the place itself.
 */
export function isInside(
  report: ImageReport,
  selector: PartitionSelector | undefined,
  asked: string | undefined,
): boolean {
  const contents = [report, ...report.partitions].flatMap(({ content }) => content ?? []);
  const isMember = ({ type }: VolumeReport) => isMemberType(type);
  if (!contents.some(isMember)) return false;
  if (selector === undefined) return asked === undefined && contents.every(isMember);
  const named = selector === 'whole' ? [report] : matching(report, String(selector));
  if (named.length === 0) return true;
  return asked === undefined && named.every(({ content }) => content !== undefined && isMember(content));
}

const matching = ({ partitions }: ImageReport, selector: string): readonly PartitionReport[] =>
  partitions.filter(
    ({ number, label, uuid, content }) =>
      String(number) === selector || [label, uuid, content?.label, content?.uuid].includes(selector),
  );

function selected(report: ImageReport, selector: string): PartitionReport {
  const found = matching(report, selector);
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  throw new HostError('no-such-partition', `${found.length === 0 ? 'no' : 'more than one'} partition is ${selector}`);
}
