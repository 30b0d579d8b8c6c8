/** `lkl token`: who may use a deployed Worker. */

import { Argument, Command, InvalidArgumentError } from 'commander';
import { jsonOption, urlOption } from '../options.ts';
import type { TokenAction, TokenOptions } from './token.ts';

const help = `
create --url URL makes a token of the Worker there: LKL_TOKEN is an admin's. The token goes to standard output, once; the
Worker keeps its hash. Without --url it makes one of nobody's yet, for the Worker's secret TOKENS, which is a JSON list of
rows: the row, which has only the hash, goes to standard output, and the token to standard error.

  row=$(lkl token create --name me --scope admin)
  echo "[$row]" | npx wrangler secret put TOKENS
  export LKL_TOKEN=lkl_…                        # what standard error said
  lkl token create --url https://lkl.example.com --name ci --scope images:read,convert --image 'build-*' --expires 90d
  lkl token list --url https://lkl.example.com
  lkl token rotate --url https://lkl.example.com k3jq5abcde   # another secret, the same sessions and images
  lkl token revoke --url https://lkl.example.com k3jq5abcde   # good for 5 more seconds at most

Every verb with --url sends LKL_TOKEN, over https or to this machine only.`;

export const tokenCommand = (): Command =>
  new Command('token')
    .summary('make, list, rotate and revoke tokens of a Worker')
    .description('Says who may do what on a Worker: tokens have scopes, beginnings of image names, and an end.')
    .addArgument(new Argument('<action>', 'what to do').choices(['create', 'list', 'rotate', 'revoke']))
    .argument('[id]', 'of rotate and revoke: the one of ten letters and digits, as list has it')
    .addOption(urlOption())
    .option('--name <name>', 'create: for people (default: token)')
    .option('--scope <scope>', 'create: what it may do; several with commas, or again', words)
    .option('--image <name>', "create: images it may use beside its own, 'build-*' or '*'", words)
    .option('--expires <time>', 'create: good for so long: 90d, 12h, 30m (default: until it is revoked)', seconds)
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (action: TokenAction, id: string | undefined, options: TokenOptions) =>
      (await import('./token.ts')).token(action, id, options),
    );

function words(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(/[\s,]+/).filter((word) => word !== '')];
}

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };
const MAX_DAYS = 3650;

function seconds(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([mhd])$/.exec(text) ?? [];
  const value = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (value >= 60 && value <= MAX_DAYS * 86_400) return value;
  throw new InvalidArgumentError(`It is a number of days, hours or minutes, up to ${MAX_DAYS} days: 90d, 12h, 30m.`);
}
