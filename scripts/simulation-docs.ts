/** Writes the tables of docs/simulations.md from openapi/v1.json. `--check` only compares. */

import { readFile, writeFile } from 'node:fs/promises';
import { absentQueues, queueOptions } from '../src/simulation/links/tc/queue.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly example?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

const MARK = '<!-- generated from openapi/v1.json by scripts/simulation-docs.ts: npm run docs:simulations -->';

/** What is told of the schema `Simulation`, as Markdown. */
export function simulationTables(document: {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}): string {
  const named = document.components.schemas;
  const resolved = (schema: Schema): Schema => {
    const name = schema.$ref?.split('/').at(-1);
    return name === undefined
      ? schema
      : { ...named[name], ...(schema.description && { description: schema.description }) };
  };
  const memberOf = (schema: Schema | undefined, name: string): Schema =>
    resolved(resolved(schema ?? {}).properties?.[name] ?? {});
  const simulation = named.Simulation ?? {};
  const host = named.SimulationHost ?? {};
  const link = named.SimulationLink ?? {};
  const lossObject =
    optionsOf(memberOf(link, 'loss'))
      .map(resolved)
      .find(({ properties }) => properties) ?? {};
  const route = resolved(
    optionsOf(memberOf(host, 'routes'))
      .map(resolved)
      .find(({ items }) => items)?.items ?? {},
  );
  const captureObject =
    optionsOf(resolved(memberOf(simulation, 'capture').items ?? {}))
      .map(resolved)
      .find(({ properties }) => properties) ?? {};
  const workloads = optionsOf(named.SimulationWorkload ?? {}).map(resolved);
  const events = optionsOf(named.SimulationEvent ?? {}).map(resolved);
  const devices = optionsOf(named.SimulationDevice ?? {}).map(resolved);
  const deviceCommon = sharedBy(devices, {}, 'kind');
  const common = sharedBy(workloads.filter((one) => one.properties?.from));
  const tcp = sharedBy(
    workloads.filter((one) => one.properties?.congestion),
    common,
  );
  const timing = sharedBy(events.filter((one) => one.properties?.every));
  const eventsBare = events.map((one) => without(one, timing));

  const table = (title: string, schema: Schema): string => {
    const rows = Object.entries(schema.properties ?? {})
      .filter(([name, member]) => !isDiscriminator(name, member))
      .map(([name, member]) => rowOf(name, resolved(member), schema.required?.includes(name) ?? false));
    const by = ['type', 'kind'].find((name) => isDiscriminator(name, schema.properties?.[name]));
    const intro = by && memberOf(schema, by).description;
    if (rows.length === 0) return `${title}\n\n${intro ?? ''}`;
    return [
      title,
      ...(intro ? [intro] : []),
      ['| member | is | default | example | |', '|---|---|---|---|---|', ...rows].join('\n'),
    ].join('\n\n');
  };
  const subject = (schema: Schema, by = 'type', level = '###') => {
    const { const: only, enum: several } = memberOf(schema, by);
    const values = only === undefined ? (several ?? []) : [only];
    return `${level} ${values.map((value) => `\`"${by}": ${JSON.stringify(value)}\``).join(', ')}`;
  };
  return [
    table('### The request', simulation),
    table('### A topology', memberOf(simulation, 'topology')),
    table('### A host or router', host),
    table('### An interface', named.SimulationInterface ?? {}),
    table('### A route', route),
    '### Devices that a host makes itself',
    table('#### Every device has', { properties: deviceCommon }),
    ...devices.map((one) => table(subject(one, 'kind', '####'), without(one, deviceCommon))),
    table('### A switch', resolved((memberOf(simulation, 'switches').additionalProperties ?? {}) as Schema)),
    table('### A link', link),
    queuesText(),
    table('### Losses, as an object', lossObject),
    table('### A capture, as an object', captureObject),
    '## Workloads',
    table('### Every flow has', { properties: common }),
    table('### Every flow over TCP has', { properties: tcp }),
    ...workloads.map((one) => table(subject(one), without(one, { ...common, ...(one.properties?.congestion && tcp) }))),
    '## Events',
    table('### Every event has', { properties: timing, required: ['at'] }),
    ...eventsBare.map((one, i) => table(subject(events[i] ?? {}), one)),
  ].join('\n\n');
}

/** Kinds of queues and their words, as the code has them. */
function queuesText(): string {
  const rows = Object.entries(queueOptions).map(
    ([kind, words]) => `- \`${kind}\`: ${words.map((word) => `\`${word}\``).join(', ') || 'no options'}`,
  );
  const missing = Object.entries(absentQueues).map(([kind, why]) => `- \`${kind}\` ${why}.`);
  return [
    '### A queue',
    'A kind alone, or `{"kind": …}` with options by the words of tc(8): sizes and rates as everywhere, flags `true` or `false`, lists as lists. Words that a kind does not have are refused. `fifo` is `pfifo` or `bfifo`, as its limit is a number or a size.',
    rows.join('\n'),
    'Classes of `htb` have `rate`, `ceil`, `prio`, `quantum` (what they are not sure of they share by their rates, or by these bytes); of `hfsc` the curves `rt`, `ls`, `ul` or `sc` (a rate, or `{"m1", "d", "m2"}`); of `drr` a `quantum`; of `qfq` a `weight` and `maxpkt`; all of them a `queue` and a `match` (`protocol`, `src`, `dst`, `sport`, `dport`, `dscp`). `default` is the number of the class for what matches nothing, the first being 0; the last one if left out.',
    'Not there:',
    missing.join('\n'),
    'Of congestion controls TCP Prague and BBRv3 are not in Linux 6.12: `dctcp` (with `ce_threshold` of fq_codel or fq at the bottleneck) and `bbr` come nearest.',
  ].join('\n\n');
}

/** What tells one kind from the others: it has one value. */
const isDiscriminator = (name: string, member: Schema | undefined): boolean =>
  (name === 'type' || name === 'kind') && (member?.const !== undefined || member?.enum?.length === 1);

const optionsOf = ({ oneOf, anyOf }: Schema): readonly Schema[] => oneOf ?? anyOf ?? [];

/** Members that all of them have, word for word, and that are not known already. */
function sharedBy(
  schemas: readonly Schema[],
  known: Readonly<Record<string, Schema>> = {},
  by = 'type',
): Record<string, Schema> {
  const [first, ...others] = schemas;
  return Object.fromEntries(
    Object.entries(first?.properties ?? {}).filter(
      ([name, member]) =>
        name !== by &&
        !(name in known) &&
        others.every(({ properties }) => JSON.stringify(properties?.[name]) === JSON.stringify(member)),
    ),
  );
}

const without = (schema: Schema, known: Readonly<Record<string, Schema>>): Schema => ({
  ...schema,
  properties: Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => !(name in known))),
});

function rowOf(name: string, schema: Schema, required: boolean): string {
  const [text = '', byDefault] = (schema.description ?? '').split(/\s*Default: (?=[^.]*)/);
  const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
  const cells = [
    `\`${name}\``,
    kindOf(schema),
    required ? 'must be given' : (byDefault ?? '').replace(/\.$/, ''),
    schema.example === undefined ? '' : code(schema.example),
    text,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function kindOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.$ref) return schema.$ref.replace(/.*\/Simulation/, '').toLowerCase();
  const options = optionsOf(schema);
  if (options.length > 0) return [...new Set(options.map(kindOf))].join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.type === 'array' && schema.minItems === 2 && schema.maxItems === 2) return 'list of two';
  if (schema.type === 'array') return `list of ${kindOf(schema.items ?? {})}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object' && !schema.properties)
    return 'object by name';
  if (schema.type === 'integer') return 'whole number';
  return `${schema.type ?? 'any'}`;
}

/** The page with its tables as the document has them. */
export function withTables(page: string, tables: string): string {
  const [before = '', , after = ''] = page.split(MARK);
  return `${before}${MARK}\n\n${tables}\n\n${MARK}${after}`;
}

if (process.argv[1]?.endsWith('simulation-docs.ts')) {
  const target = new URL('../docs/simulations.md', import.meta.url);
  const document = JSON.parse(await readFile(new URL('../openapi/v1.json', import.meta.url), 'utf8'));
  const page = await readFile(target, 'utf8');
  const wanted = withTables(page, simulationTables(document));
  if (!process.argv.includes('--check')) await writeFile(target, wanted);
  else if (page !== wanted) {
    console.error('docs/simulations.md is not what the schema says: run npm run docs:simulations');
    process.exitCode = 1;
  }
}
