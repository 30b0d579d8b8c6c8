/** The header If (RFC 4918, section 10.4): lists of conditions, one of which must hold. */

import { DavFailure } from './failure.ts';

export interface Condition {
  readonly isNot: boolean;
  readonly token?: string;
  readonly etag?: string;
}

export interface ConditionList {
  /** The URL that it is about; undefined: that of the request. */
  readonly resource: string | undefined;
  readonly conditions: readonly Condition[];
}

const TOKEN = /\s*(?:(\()|(\))|<([^>]*)>|\[((?:W\/)?"[^"]*")\]|(not)\b)/iy;

export function readIf(header: string | undefined): ConditionList[] {
  if (header === undefined) return [];
  const lists: ConditionList[] = [];
  let resource: string | undefined;
  let open: Condition[] | undefined;
  let isNot = false;
  const wrong = () => new DavFailure(400, 'the header If cannot be read');
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < header.trimEnd().length) {
    const [match, begin, end, uri, etag] = TOKEN.exec(header) ?? [];
    if (match === undefined) throw wrong();
    if (begin !== undefined) {
      if (open) throw wrong();
      open = [];
    } else if (end !== undefined) {
      if (!open || open.length === 0 || isNot) throw wrong();
      lists.push({ resource, conditions: open });
      open = undefined;
    } else if (uri !== undefined) {
      if (!open) resource = uri;
      else open.push({ isNot, token: uri });
      isNot = false;
    } else if (etag !== undefined) {
      if (!open) throw wrong();
      open.push({ isNot, etag });
      isNot = false;
    } else {
      if (!open || isNot) throw wrong();
      isNot = true;
    }
  }
  if (open || lists.length === 0) throw wrong();
  return lists;
}

/** All tokens that the header names, whether or not their conditions hold. */
export const tokensOf = (lists: readonly ConditionList[]): Set<string> =>
  new Set(
    lists.flatMap(({ conditions }) =>
      conditions.flatMap(({ token, isNot }) => (token !== undefined && !isNot ? [token] : [])),
    ),
  );
