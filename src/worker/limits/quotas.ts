/** What one principal may have: of each kind so much, as the owner of the service says in `QUOTAS`. */

import { HostError } from '../../errors/host-error.ts';

/** Of each kind one sentence. */
export const quotaKinds = {
  requests_per_minute: 'Requests in a minute.',
  kernel_seconds_per_minute: 'Seconds for which kernels run in a minute, added up.',
  kernels: 'Kernels of requests at the same time.',
  kernel_mib: 'MiB of memory of those.',
  stored_bytes: 'Bytes of images in storage, and of parts that are on their way there.',
  sessions: 'Sessions at the same time.',
  session_mib: 'MiB of memory of their kernels.',
} as const;

export type QuotaKind = keyof typeof quotaKinds;
/** Absent: as much as there is. */
export type Quotas = Partial<Readonly<Record<QuotaKind, number>>>;

/** Of sessions there is an end everywhere: they stay. */
const always: Quotas = { sessions: 16, session_mib: 512 };

const usual: Quotas = {
  ...always,
  requests_per_minute: 600,
  kernel_seconds_per_minute: 300,
  kernels: 8,
  stored_bytes: 100 * 2 ** 30,
};

/** `{"*": {…}, "token:k3jq5abcde": {…}}`: of all, and of one, who has the others from `*`. Null: no end. */
type Configured = Readonly<Record<string, Quotas>>;

let parsed: { readonly text: string; readonly configured: Configured } | undefined;

/** Throws what is wrong with it, for whoever deploys. */
function configuredIn(text: string): Configured {
  if (parsed?.text === text) return parsed.configured;
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error('QUOTAS is no JSON object');
  const configured = Object.fromEntries(
    Object.entries(value).map(([principal, quotas]) => {
      if (!isRecord(quotas)) throw new Error(`QUOTAS["${principal}"] is no JSON object`);
      return [
        principal,
        Object.fromEntries(Object.entries(quotas).map(([kind, most]) => quotaOf(principal, kind, most))),
      ];
    }),
  );
  parsed = { text, configured };
  return configured;
}

function quotaOf(principal: string, kind: string, most: unknown): [string, number] {
  const where = `QUOTAS["${principal}"].${kind}`;
  if (!Object.hasOwn(quotaKinds, kind)) throw new Error(`${where}: quotas are ${Object.keys(quotaKinds).join(', ')}`);
  if (most === null) return [kind, Number.POSITIVE_INFINITY];
  if (typeof most !== 'number' || !(most >= 0)) throw new Error(`${where} is no number, nor null`);
  return [kind, most];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `isOpen`: it is its owner's alone, on his own machine. */
export function quotasOf(principal: string, text: string | undefined, isOpen: boolean): Quotas {
  const configured = text === undefined || text.trim() === '' ? {} : configuredIn(text);
  return { ...(isOpen ? always : usual), ...configured['*'], ...configured[principal] };
}

export function overQuota(kind: QuotaKind, most: number, detail: string, retryAfterS = 60): HostError {
  const members = { quota: kind, limit: most, retry_after_s: retryAfterS };
  return new HostError('over-quota', `${quotaKinds[kind].replace(/\.$/, '')}: at most ${most}. ${detail}`, { members });
}
