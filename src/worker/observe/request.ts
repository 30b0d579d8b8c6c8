/** What is noted of one request while it goes on, and the line that is left of it: of nobody's data and no secret. */

import { type Phase, Phases } from './phases.ts';

/** What a request has cost so far. */
export class Meter {
  readonly phases = new Phases();
  sentBytes = 0;
  kernelMs = 0;
  /** What it was about, as far as the URL does not say. */
  etag: string | undefined;
  brokenOff = false;
  #madeBytes = 0;

  /** An answer of so many bytes was made in one piece. It may give way to another. */
  made(bytes: number): void {
    this.#madeBytes = bytes;
  }

  /** Of an answer that was made in one piece the length is known; what is streamed is counted as it goes. */
  answered({ headers }: Pick<Response, 'headers'>, method: string): void {
    if (method === 'HEAD') return;
    if (this.sentBytes === 0) this.sentBytes = this.#madeBytes || Number(headers.get('content-length') ?? 0);
    this.etag ??= headers.get('etag')?.replaceAll('"', '') ?? undefined;
  }
}

/** One line of the log. */
export interface RequestLine {
  readonly request: string;
  readonly method: string;
  readonly path: string;
  /** By its name in the OpenAPI document; absent where there is nothing. */
  readonly operation?: string;
  readonly status: number;
  /** Until its last work had ended. */
  readonly ms: number;
  readonly phases: Readonly<Partial<Record<Phase, number>>>;
  readonly kernelMs: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly principal?: string;
  /** The kind of problem that was answered, or `broken-off`. */
  readonly problem?: string;
  readonly etag?: string;
}

/** Of a request and its answer. */
export interface Ended {
  readonly request: string;
  readonly method: string;
  readonly path: string;
  readonly operation: string | undefined;
  readonly status: number;
  readonly ms: number;
  /** Of the body; undefined: nobody here has read it. */
  readonly readBytes: number | undefined;
  /** As its header says. */
  readonly contentLength: string | undefined;
  readonly principal: string | undefined;
  readonly problem: string | undefined;
}

export function requestLine({ phases, kernelMs, sentBytes, etag, brokenOff }: Meter, ended: Ended): RequestLine {
  const { request, method, path, operation, status, ms, readBytes, contentLength = 0, principal } = ended;
  const problem = brokenOff ? 'broken-off' : ended.problem;
  return {
    request,
    method,
    path,
    ...(operation !== undefined && { operation }),
    status,
    ms,
    phases: phases.all,
    kernelMs: Math.round(kernelMs),
    // A file of a session is read by the session: once that has it, it is as long as was said.
    receivedBytes: readBytes ?? (status < 400 ? Number(contentLength) : 0),
    sentBytes,
    ...(principal !== undefined && { principal }),
    ...(problem !== undefined && { problem }),
    ...(etag !== undefined && { etag }),
  };
}
