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

/** What says who asks: for every Worker that a verb asks. */
export function tokenOfEnvironment(): string | undefined {
  const token = process.env.LKL_TOKEN?.trim();
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Failure('usage', 'LKL_TOKEN is no token: it has blanks or other characters in it');
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Over plain http whoever is in between could read it, and use it. */
export function authorization(url: URL): Readonly<Record<string, string>> {
  const token = tokenOfEnvironment();
  if (token === undefined) return {};
  if (url.protocol === 'https:' || LOOPBACK.test(url.hostname)) return { authorization: `Bearer ${token}` };
  throw new Failure('usage', `LKL_TOKEN is not sent in the clear to ${url.host}: use https`);
}

/** Settles with the answer's head, which may come before all of `body` is sent. */
export async function send(
  method: string,
  url: URL,
  body?: Sent,
  more: Readonly<Record<string, string>> = {},
  value?: unknown,
): Promise<IncomingMessage> {
  const text = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
  const headers = {
    ...(body && { 'content-type': 'application/octet-stream' }),
    ...(text && { 'content-type': 'application/json', 'content-length': text.length }),
    ...authorization(url),
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
    request.end(text);
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
