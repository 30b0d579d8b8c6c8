/** What becomes of a request's line: figures, a data point, a row of the audit trail. */

import type { ServiceHealth } from '../service-facts.ts';
import type { AuditEntry } from './audit.ts';
import type { Metrics } from './metrics.ts';
import type { RequestLine } from './request.ts';

const outcomeOf = ({ problem }: RequestLine): string => problem?.replace('/problems/', '') ?? 'ok';
/** Paths that lead nowhere are whatever clients make them. */
const operationOf = ({ operation = 'none' }: RequestLine): string => operation;

export function noteRequest(metrics: Metrics, line: RequestLine): void {
  const operation = operationOf(line);
  const labels = { operation, status: String(line.status), outcome: outcomeOf(line) };
  metrics.count('lkl_requests_total', 'Requests that have ended, by operation and outcome.', labels);
  metrics.observe('lkl_request_seconds', 'Until the last work for a request had ended.', { operation }, line.ms);
  metrics.count('lkl_sent_bytes_total', 'Bytes of answers.', { operation }, line.sentBytes);
  metrics.count(
    'lkl_received_bytes_total',
    'Bytes of bodies, as their lengths said.',
    { operation },
    line.receivedBytes,
  );
  metrics.count('lkl_kernel_seconds_total', 'For which kernels of requests ran.', { operation }, line.kernelMs / 1000);
  for (const [phase, ms] of Object.entries(line.phases)) {
    metrics.count('lkl_phase_seconds_total', 'Time of requests, by phase.', { operation, phase }, ms / 1000);
  }
}

/** With how the isolate is now. */
export function metricsText(metrics: Metrics, health: ServiceHealth): string {
  const { ready, kernels, waiting, restored, resumed, bytes, budgetBytes, memoryBytes, memoryTotalBytes } = health;
  metrics.set('lkl_ready', 'Whether a kernel of the usual size could start.', ready ? 1 : 0);
  metrics.set('lkl_kernels', 'Kernels that run.', kernels);
  metrics.set('lkl_kernels_waiting', 'Requests that wait for memory for one.', waiting);
  metrics.set('lkl_kernels_made_total', 'Kernels made.', restored, { of: 'snapshot' }, 'counter');
  metrics.set('lkl_kernels_made_total', 'Kernels made.', resumed, { of: 'suspended' }, 'counter');
  metrics.set('lkl_kernel_memory_bytes', 'Memory of kernels, those kept ready included.', bytes);
  metrics.set('lkl_kernel_memory_budget_bytes', 'What that may be.', budgetBytes);
  metrics.set('lkl_body_memory_bytes', 'Memory of bodies, caches, disks and queues.', memoryBytes);
  metrics.set('lkl_body_memory_budget_bytes', 'What that may be.', memoryTotalBytes);
  return metrics.text;
}

/** Of Analytics Engine: https://developers.cloudflare.com/analytics/analytics-engine/ */
export function dataPoint(line: RequestLine): AnalyticsEngineDataPoint {
  const { principal = '', method, status, ms, kernelMs, receivedBytes, sentBytes } = line;
  return {
    indexes: [principal.slice(0, 96)],
    blobs: [operationOf(line), method, outcomeOf(line)],
    doubles: [status, ms, kernelMs, receivedBytes, sentBytes],
  };
}

/** Undefined for what nobody in particular asked. */
export function auditEntry(line: RequestLine, atMs: number): AuditEntry | undefined {
  const { request, principal, method, status, ms, receivedBytes, sentBytes, path, etag } = line;
  if (principal === undefined) return undefined;
  const [, kind, name] = /^\/v1\/(images|sessions|tokens)\/([^/]+)/.exec(path) ?? [];
  const [, upload] = /\/uploads\/([^/]+)/.exec(path) ?? [];
  const [, served] = /^\/dav\/([^/:]+)/.exec(path) ?? [];
  const image = kind === 'images' ? name : served;
  const about = kind === 'images' ? upload : name;
  return {
    atMs: atMs - ms,
    request,
    principal,
    operation: operationOf(line),
    method,
    status,
    outcome: outcomeOf(line),
    ms: Math.round(ms),
    receivedBytes,
    sentBytes,
    ...(image !== undefined && { image: decoded(image) }),
    ...(etag !== undefined && { etag }),
    ...(about !== undefined && { about: decoded(about) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
