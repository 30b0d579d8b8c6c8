/** Media types beside JSON, said so that generators of clients still type the JSON alone. */

const JSON_TYPE = 'application/json';

/** Where the others are, in the shape of `content`. */
const OTHERS = 'x-other-content';

interface Media {
  readonly schema?: unknown;
  readonly example?: unknown;
}
/** A request's body or a response. */
export interface Described {
  readonly description?: string;
  readonly content?: Readonly<Record<string, Media>>;
  readonly [OTHERS]?: Readonly<Record<string, Media>>;
}
interface Operation {
  readonly requestBody?: Described;
  readonly responses: Readonly<Record<string, Described>>;
}

/**
 * Whoever asks for nothing else is answered in JSON, but a generated client gives one type to a call: with several media types
 * in `content` that is the union of all, and nobody can read a member of it. So where JSON is named first, the others are
 * described in words and in `x-other-content`. Where bytes come first (a file, which may be a directory) all of them stay.
 */
export function withOneType<T extends object>(operation: T): T {
  const { requestBody, responses } = operation as unknown as Operation;
  const said = Object.entries(responses).map(([status, response]) => [status, jsonAlone(response)]);
  return {
    ...operation,
    ...(requestBody && { requestBody: jsonAlone(requestBody) }),
    responses: Object.fromEntries(said),
  };
}

function jsonAlone(described: Described): Described {
  const [[first, json] = [undefined, undefined], ...others] = Object.entries(described.content ?? {});
  if (first !== JSON_TYPE || json === undefined || others.length === 0) return described;
  const lines = others.map(([type, { schema }]) => {
    const words = (schema as { description?: string } | undefined)?.description;
    return `- \`${type}\`${words === undefined ? '' : `: ${words}`}`;
  });
  const description = `${described.description ?? ''}\n\nBeside JSON:\n${lines.join('\n')}`.trim();
  return { ...described, description, content: { [first]: json }, [OTHERS]: Object.fromEntries(others) };
}

/** All media types of a body, JSON and others. */
export const offeredTypes = (body: Described | undefined): readonly string[] =>
  Object.keys({ ...body?.content, ...body?.[OTHERS] });
