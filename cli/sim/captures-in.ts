/** Captures that a network replays, by the names of their files: read, and put where their bytes belong. */

import { dirname, resolve } from 'node:path';
import { toBase64 } from '../../src/bytes/base64.ts';
import { Failure } from '../failure.ts';
import { bytesOf } from '../input/small-file.ts';

type Network = Readonly<Record<string, unknown>>;

/** Names are of files beside the network's own. A name has a dot, which base64 has not. */
export async function withCapturesRead(network: Network, file: string): Promise<Network> {
  if (!Array.isArray(network.workloads)) return network;
  const folder = file === '-' ? '.' : dirname(file);
  const workloads: unknown[] = [];
  for (const [i, workload] of network.workloads.entries()) {
    const path = captureOf(workload);
    const pcap = path === undefined ? undefined : toBase64(await readCapture(resolve(folder, path), i));
    workloads.push(pcap === undefined ? workload : { ...workload, pcap });
  }
  return { ...network, workloads };
}

function captureOf(workload: unknown): string | undefined {
  if (typeof workload !== 'object' || workload === null) return undefined;
  const { type, pcap } = workload as { readonly type?: unknown; readonly pcap?: unknown };
  return type === 'replay' && typeof pcap === 'string' && pcap.includes('.') ? pcap : undefined;
}

async function readCapture(path: string, i: number): Promise<Uint8Array> {
  try {
    return await bytesOf(path, 'capture');
  } catch (cause) {
    throw new Failure('usage', `workloads[${i}].pcap: ${cause instanceof Error ? cause.message : cause}`);
  }
}
