/** Makes an API token: node scripts/token.ts --name ci --scope images:read,convert --image build- --expires 90d. The token goes to standard error, its row, for the secret TOKENS, to standard output. */

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isScope, scopeNames } from '../src/worker/access/principal.ts';
import { newId, newToken, sha256Hex } from '../src/worker/access/token.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'token' },
    scope: { type: 'string', multiple: true, default: [] },
    image: { type: 'string', multiple: true, default: [] },
    expires: { type: 'string' },
  },
});
const split = (texts: readonly string[]) => texts.flatMap((text) => text.split(',')).filter((word) => word !== '');
const scopes = split(values.scope);
const unknown = scopes.filter((scope) => !isScope(scope));
if (scopes.length === 0 || unknown.length > 0) {
  console.error(
    `--scope names some of ${scopeNames.join(', ')}${unknown.length > 0 ? `, not ${unknown.join(', ')}` : ''}`,
  );
  process.exit(1);
}
const [, days] = /^(\d+)d$/.exec(values.expires ?? '') ?? [];
if (values.expires !== undefined && days === undefined) {
  console.error('--expires is a number of days: 90d');
  process.exit(1);
}
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const id = newId(random);
const token = newToken(id, random);
const images = split(values.image).map((prefix) => prefix.replace(/\*$/, ''));
console.error(`${token}\nShown now, and never again. Below is its row: the secret TOKENS is a JSON list of those.`);
console.log(
  JSON.stringify({
    id,
    name: values.name,
    sha256: await sha256Hex(token),
    scopes,
    ...(images.length > 0 && { images }),
    ...(days !== undefined && { expires: new Date(Date.now() + Number(days) * 86_400_000).toISOString() }),
  }),
);
