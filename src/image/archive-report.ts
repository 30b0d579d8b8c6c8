/** What is said of an archive, which Linux is shown as a file system of ours. */

import type { ImageReport } from './mounted-image.ts';

const WORDS: Readonly<Record<string, string>> = {
  tar: 'tar archive',
  cpio: 'cpio archive',
  oci: "container's image",
};

/** The report of such a disk, as of what it really is: `archive` as `OpenedDisk` has it. */
export function archiveReport(report: ImageReport, archive: string | undefined): ImageReport {
  if (archive === undefined || report.fileSystem === undefined) return report;
  const words = `${WORDS[archive] ?? archive} (read as ${report.fileSystem.type})`;
  return { ...report, content: { type: archive, words, label: undefined, uuid: undefined } };
}
