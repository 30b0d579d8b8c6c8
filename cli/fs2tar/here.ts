/** `lkl fs2tar` and `lkl fs2zip` in this process. */

import type { Fs2tarReport } from '../../src/tree/fs2tar/fs2tar.ts';
import { openEngine } from '../engine.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../input/disk.ts';
import { openOutput } from '../output/output.ts';
import { showProgress } from '../output/progress.ts';
import { gzipSink } from '../output/sink.ts';
import type { Fs2tarArguments } from './arguments.ts';
import { labelFile } from './label-file.ts';
import { reportMissing } from './missing.ts';

/** Whether the archive has everything. */
export async function fs2tar(path: string, options: Fs2tarArguments): Promise<boolean> {
  const output = openOutput(options.output, `a ${options.form ?? 'tar'}`);
  const labels = options.selinux === undefined ? undefined : labelFile(options.selinux);
  const counts = { bytesRead: undefined as number | undefined, bytesWritten: 0, entries: 0 };
  const progress = await showProgress(options.quiet === true, () => counts);
  try {
    const [engine, stack, disk] = await Promise.all([
      openEngine(),
      openStackFiles(options),
      openDiskFile(path, options, (bytes) => {
        counts.bytesRead = bytes;
      }),
    ]);
    const { path: only, onError, form } = options;
    let sink: ReturnType<typeof output.open> | undefined;
    /** Not before there is something to write: what cannot be mounted leaves an output as it was. */
    const opened = () => {
      sink ??= options.gzip || options.compress === 'gzip' ? gzipSink(output.open()) : output.open();
      return sink;
    };
    const report = await engine.fs2tar(
      disk.device,
      {
        ...mountRequest(options),
        ...stack,
        ...(only !== undefined && { path: only }),
        onError,
        ...(form && { form }),
        reused: true,
        ...(labels && { label: labels.add }),
        progress(bytes, entries) {
          counts.bytesWritten = bytes;
          counts.entries = entries;
          progress.tick();
        },
      },
      (chunk) => opened().write(chunk),
    );
    disk.checkUnchanged();
    stack.checkUnchanged();
    await opened().end();
    output.commit();
    labels?.commit();
    progress.done();
    if (report.errorCount > 0) {
      const { errors: lines, errorCount: count, fileSystemType: type } = report;
      reportMissing({ lines, count, type, ...(form && { form }) });
    }
    if (!options.quiet) for (const line of leftOut(report, form ?? 'tar')) console.error(`lkl: ${line}`);
    // A socket is nothing without the program that made it: tar(1) leaves it out and ends with 0, too.
    return report.errorCount + report.specialFilesSkipped + report.reparsePointsSkipped === 0;
  } finally {
    progress.stop();
  }
}

function leftOut(report: Fs2tarReport, form: 'tar' | 'zip'): readonly string[] {
  const { socketsSkipped: sockets, specialFilesSkipped: special, linksCopied: links, reparsePointsSkipped } = report;
  return [
    ...(sockets === 1 ? [`a socket was left out: ${form} has no type for it`] : []),
    ...(sockets > 1 ? [`${sockets} sockets were left out: ${form} has no type for them`] : []),
    ...(special > 0 ? [`devices and FIFOs were left out, of which a zip has none: ${special}`] : []),
    ...(links > 0 ? [`hard links are in the zip as files of their own: ${links}`] : []),
    ...(reparsePointsSkipped > 0
      ? [`reparse points of NTFS that Linux shows as empty files were left out: ${reparsePointsSkipped}`]
      : []),
  ];
}
