/** Captures that a network replays, by the names of their files: read, and put where their bytes belong. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { toBase64 } from '../../src/bytes/base64.ts';
import { Failure } from '../failure.ts';

type Network = Readonly<Record<string, unknown>>;

/** Names are of files beside the network's own. A name has a dot, which base64 has not. */
export function withCapturesRead(network: Network, file: string): Network {
  if (!Array.isArray(network.workloads)) return network;
  const folder = file === '-' ? '.' : dirname(file);
  const workloads = network.workloads.map((workload: unknown, i) => {
    if (typeof workload !== 'object' || workload === null) return workload;
    const { type, pcap } = workload as { readonly type?: unknown; readonly pcap?: unknown };
    if (type !== 'replay' || typeof pcap !== 'string' || !pcap.includes('.')) return workload;
    return { ...workload, pcap: toBase64(readCapture(resolve(folder, pcap), i)) };
  });
  return { ...network, workloads };
}

function readCapture(path: string, i: number): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Failure('usage', `workloads[${i}].pcap: ${cause instanceof Error ? cause.message : cause}`);
  }
}
