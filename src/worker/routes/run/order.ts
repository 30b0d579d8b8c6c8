/** A program as JSON orders it, as the job wants it. */

import type { RunRequest } from '../../../api/run/schema.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { DiskOrder, RunOrder } from '../../programs/run.ts';

const encoder = new TextEncoder();

export function orderOf(request: RunRequest, mostBytes: number): RunOrder {
  const { argv, env, cwd, files, fetch, disks, memory, program_memory, clock, seed, deadline_ms } = request;
  return {
    argv,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd,
    files: files.map(({ path, text = '', base64, mode }) => ({
      path,
      bytes: base64 ?? encoder.encode(text),
      mode: mode === undefined ? 0o644 : Number.parseInt(mode, 8),
    })),
    fetch,
    fetchedBytes: mostBytes,
    disks: disks.map((disk, i) => diskOf(disk, `disks[${i}]`, mostBytes)),
    memoryMib: memory,
    programMib: program_memory,
    clock,
    seed: seed === undefined ? undefined : String(seed),
    deadlineMs: deadline_ms,
  };
}

function diskOf(disk: RunRequest['disks'][number], where: string, mostBytes: number): DiskOrder {
  const { image, version, if_match, write, size_bytes, save_as, base64, read_only, at, type, partition, options } =
    disk;
  const bytes = size_bytes ?? base64?.length ?? 0;
  if (disk.return && bytes > mostBytes) {
    throw new HostError(
      'invalid-request',
      `${where}.return: at most ${mostBytes} bytes are returned: save_as stores it`,
    );
  }
  return {
    image,
    version,
    ifMatch: if_match,
    write,
    sizeBytes: size_bytes,
    saveAs: save_as,
    bytes: base64,
    readOnly: read_only,
    mount: at === undefined ? undefined : { at, type, partition: partition as string | undefined, options },
  };
}
