/** Requests to a Worker, embedded or remote, and what its problem documents mean here. */

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Failure, kindOf, reasonOf } from '../failure.ts';

export interface Sent {
  readonly stream: Readable & { readonly bytesRead: number };
  /** Undefined: not known before. */
  readonly lengthBytes: number | undefined;
}

/** Settles with the answer's head, which may come before all of `body` is sent. */
export async function send(
  method: string,
  url: URL,
  body?: Sent,
  more: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const headers = {
    ...(body && { 'content-type': 'application/octet-stream' }),
    ...more,
    ...(body?.lengthBytes !== undefined && { 'content-length': body.lengthBytes }),
  };
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method,
    headers,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (cause) => reject(new Failure('failed', `${url.host}: ${reasonOf(cause)}`)));
  });
  if (body === undefined) {
    request.end();
    return answered;
  }
  const sent = pipeline(body.stream, request);
  const unread = new Promise<never>((_, reject) => {
    body.stream.on('error', (cause) => reject(new Failure('failed', `the image cannot be read: ${reasonOf(cause)}`)));
  });
  sent.catch(() => {}); // a Worker that answers early may stop to listen; the answer says why
  return Promise.race([unread, answered]);
}

/** The members of RFC 9457 and ours. */
interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly console?: string;
  readonly errno?: string;
}

/** Why an answer is not the one asked for. */
export async function failureOf(answer: IncomingMessage): Promise<Failure> {
  const { statusCode = 0, statusMessage, headers } = answer;
  const body = await text(answer);
  if (!headers['content-type']?.startsWith('application/problem+json')) {
    return new Failure('failed', `the Worker answered ${statusCode} ${statusMessage}`, body || undefined);
  }
  const { type = '', title = '', detail, console, errno }: Problem = JSON.parse(body);
  // What a failed system call is called is not what people look for.
  const message = errno === undefined ? detail : detail?.replace(/^\w+ (?=\S)/, '');
  return new Failure(kindOf(type, statusCode), message || title, console);
}
