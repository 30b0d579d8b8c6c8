/** What `lkl token` does: asks a Worker, or makes the first token of one. */

import { randomBytes } from 'node:crypto';
import { json } from 'node:stream/consumers';
import { isScope, scopeNames } from '../../src/worker/access/principal.ts';
import { newId, newToken, prefixOf, sha256Hex } from '../../src/worker/access/token.ts';
import { Failure, printable } from '../failure.ts';
import { type Printer, printing } from '../output/print.ts';
import { textTable } from '../output/table.ts';
import { failureOf, send, tokenOfEnvironment } from '../remote/client.ts';

export type TokenAction = 'create' | 'list' | 'rotate' | 'revoke';

export interface TokenOptions {
  readonly url?: URL;
  readonly json?: true;
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly image?: readonly string[];
  /** Seconds. */
  readonly expires?: number;
}

/** As the Worker's document has it. */
interface TokenJson {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly images?: readonly string[];
  readonly created?: string;
  readonly expires?: string;
}

const ONLY_CREATE = ['name', 'scope', 'image', 'expires'] as const;
const usage = (message: string) => new Failure('usage', message);

export async function token(action: TokenAction, id: string | undefined, options: TokenOptions): Promise<void> {
  const wantsId = action === 'rotate' || action === 'revoke';
  if (wantsId && id === undefined) throw usage(`${action} wants the id of a token: lkl token list shows them`);
  if (!wantsId && id !== undefined) throw usage(`${action} takes no id: "${id}"`);
  if (id !== undefined && !/^[a-z0-9]{10}$/.test(id)) {
    throw usage(
      id.startsWith('lkl_') ? 'that is a token, not its id: the ten letters after lkl_' : `"${id}" is no id of a token`,
    );
  }
  const other = ONLY_CREATE.find((name) => action !== 'create' && options[name] !== undefined);
  if (other) throw usage(`--${other} is for create`);
  if (action === 'create' && options.url === undefined) return printing((out) => created(options, out));
  const { url } = options;
  if (url === undefined) throw usage(`${action} asks a Worker: --url says which`);
  if (tokenOfEnvironment() === undefined)
    throw usage("LKL_TOKEN is not set: it has to be an admin's token of that Worker");
  return printing((out) => asked(action, id ?? '', { ...options, url }, out));
}

/** Throws for what a Worker would refuse, in the words of the command line. */
function wanted({ scope = [], image }: TokenOptions) {
  const unknown = scope.filter((name) => !isScope(name));
  if (scope.length === 0 || unknown.length > 0) {
    const not = unknown.length > 0 ? `, not ${unknown.join(', ')}` : '';
    throw usage(`--scope names some of ${scopeNames.join(', ')}${not}`);
  }
  const images = image?.map((pattern) => {
    const prefix = prefixOf(pattern);
    if (prefix === undefined) {
      throw usage(
        `--image ${pattern} is no beginning of an image's name: letters, digits and . _ ~ -, and a * at the end`,
      );
    }
    return prefix;
  });
  return { scopes: [...new Set(scope)], ...(images && { images }) };
}

/** Of no Worker yet. */
async function created(options: TokenOptions, out: Printer): Promise<void> {
  const { name = 'token', expires } = options;
  const { scopes, images } = wanted(options);
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
  const id = newId(random);
  const secret = newToken(id, random);
  const row = {
    id,
    name,
    sha256: await sha256Hex(secret),
    scopes,
    ...(images && { images }),
    ...(expires !== undefined && { expires: new Date(Date.now() + 1000 * expires).toISOString() }),
  };
  await out.print(`${JSON.stringify(row)}\n`);
  console.error(
    `${secret}\nShown now, and never again. Its row, on standard output, goes into the secret TOKENS: a JSON list of those.`,
  );
}

async function asked(
  action: TokenAction,
  id: string,
  { url, name = 'token', expires, json: asJson, ...options }: TokenOptions & { readonly url: URL },
  out: Printer,
): Promise<void> {
  const at = new URL('v1/tokens', url);
  if (action === 'list') {
    const { tokens } = await answerOf<{ readonly tokens: readonly TokenJson[] }>('GET', at);
    return asJson ? out.json(tokens) : out.print(`${tableOf(tokens)}\n`);
  }
  if (action === 'revoke') {
    await answerOf('DELETE', new URL(`v1/tokens/${id}`, url));
    return;
  }
  const { scopes, images } = action === 'create' ? wanted(options) : { scopes: [] };
  const given = await (action === 'create'
    ? answerOf<TokenJson & { readonly token: string }>('POST', at, {
        name,
        scopes,
        ...(images && { images: images.map((prefix) => `${prefix}*`) }),
        ...(expires !== undefined && { expires_in_s: expires }),
      })
    : answerOf<TokenJson & { readonly token: string }>('POST', new URL(`v1/tokens/${id}/rotate`, url)));
  await (asJson ? out.json(given) : out.print(`${given.token}\n`));
  console.error(`${given.id} may ${given.scopes.join(', ')}${until(given)}. The token is shown now, and never again.`);
}

const until = ({ expires }: TokenJson): string => (expires === undefined ? '' : ` until ${expires}`);

async function answerOf<T>(method: string, url: URL, body?: unknown): Promise<T> {
  const answer = await send(method, url, undefined, {}, body);
  const { statusCode = 0 } = answer;
  if (statusCode === 204) {
    answer.resume();
    return undefined as T;
  }
  if (statusCode !== 200 && statusCode !== 201) throw await failureOf(answer);
  try {
    return (await json(answer)) as T;
  } catch {
    throw new Failure('failed', `${url.host} did not answer as a Worker of lkl does`);
  }
}

const tableOf = (tokens: readonly TokenJson[]): string =>
  textTable(
    ['ID', 'NAME', 'SCOPES', 'IMAGES', 'CREATED', 'EXPIRES'].map((title) => ({ title })),
    tokens.map(({ id, name, scopes, images = [], created = '', expires = '' }) =>
      [id, name, scopes.join(','), images.map(starred).join(','), created, expires].map(printable),
    ),
  );

const starred = (prefix: string): string => (prefix.endsWith('*') ? prefix : `${prefix}*`);
