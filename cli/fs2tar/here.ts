/** `lkl fs2tar` in this process. */

import { mountRequest, openDiskFile, openStackFiles } from '../disk.ts';
import { openEngine } from '../engine.ts';
import { openOutput } from '../output/output.ts';
import { showProgress } from '../output/progress.ts';
import { gzipSink } from '../output/sink.ts';
import type { Fs2tarArguments } from './arguments.ts';
import { reportMissing } from './missing.ts';

/** Whether the tar has everything. */
export async function fs2tar(path: string, options: Fs2tarArguments): Promise<boolean> {
  const output = openOutput(options.output, 'a tar');
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
    const { path: only, onError } = options;
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
        reused: true,
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
    progress.done();
    const isWhole = report.errorCount === 0;
    if (!isWhole) {
      const { errors: lines, errorCount: count, fileSystemType: type } = report;
      reportMissing({ lines, count, type });
    }
    if (report.socketsSkipped > 0 && !options.quiet) console.error(`lkl: ${skipped(report.socketsSkipped)}`);
    const { reparsePointsSkipped } = report;
    if (reparsePointsSkipped > 0 && !options.quiet) {
      console.error(
        `lkl: reparse points of NTFS that Linux shows as empty files were left out: ${reparsePointsSkipped}`,
      );
    }
    return isWhole;
  } finally {
    progress.stop();
  }
}

const skipped = (sockets: number): string =>
  sockets === 1
    ? 'a socket was left out: tar has no type for it'
    : `${sockets} sockets were left out: tar has no type for them`;
