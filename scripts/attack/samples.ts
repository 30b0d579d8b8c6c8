/** Values that a JSON Schema allows, and such that it may not: by a seed. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly example?: unknown;
}

export interface Sampling {
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly random: () => number;
}

const MAX_DEPTH = 6;

const among = <T>(all: readonly T[], random: () => number): T | undefined => all[Math.floor(random() * all.length)];

/** What schemas say with `pattern` is mostly said by their examples, too. */
export function sampleOf(schema: Schema, sampling: Sampling, depth = 0): unknown {
  const { schemas, random } = sampling;
  if (schema.$ref !== undefined) return sampleOf(schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, sampling, depth);
  if (schema.example !== undefined && random() < 0.7) return schema.example;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return among(schema.enum, random);
  const choice = among(schema.anyOf ?? schema.oneOf ?? [], random);
  if (choice) return sampleOf(choice, sampling, depth);
  if (schema.allOf) {
    const parts = schema.allOf.map((part) => sampleOf(part, sampling, depth));
    return Object.assign({}, ...parts);
  }
  switch (Array.isArray(schema.type) ? among(schema.type, random) : schema.type) {
    case 'object':
      return objectOf(schema, sampling, depth);
    case 'array': {
      const { minItems = 0, maxItems = 3, items = {} } = schema;
      const length = depth > MAX_DEPTH ? minItems : Math.min(maxItems, minItems + Math.floor(3 * random()));
      return Array.from({ length }, () => sampleOf(items, sampling, depth + 1));
    }
    case 'string':
      return schema.example ?? 'abcdefghijkl'.slice(0, Math.max(schema.minLength ?? 1, 1 + Math.floor(8 * random())));
    case 'integer':
    case 'number': {
      const { minimum = 0, maximum = 100 } = schema;
      return Math.round(minimum + random() * Math.min(maximum - minimum, 20));
    }
    case 'boolean':
      return random() < 0.5;
    case 'null':
      return null;
    default:
      return random() < 0.5 ? 1 : 'x';
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, sampling: Sampling, depth: number) {
  const { random } = sampling;
  const members = Object.entries(properties)
    .filter(([name]) => required.includes(name) || (depth < MAX_DEPTH && random() < 0.3))
    .map(([name, schema]) => [name, sampleOf(schema, sampling, depth + 1)] as const);
  const others =
    typeof additionalProperties === 'object' && depth < MAX_DEPTH
      ? [['a', sampleOf(additionalProperties, sampling, depth + 1)] as const]
      : [];
  return Object.fromEntries([...members, ...others]);
}

const strange: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER + 1,
  '',
  '\u0000',
  '../../etc/passwd',
  '%00',
  'x'.repeat(70_000),
  '\ud800',
  '🐧',
  [],
  {},
  [[[[[[[[]]]]]]]],
  { __proto__: null, constructor: 1 },
  Array.from({ length: 2000 }, () => 0),
];

/** `value` with one thing in it changed for something strange. */
export function spoiled(value: unknown, random: () => number): unknown {
  if (random() < 0.15 || typeof value !== 'object' || value === null) return among(strange, random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [among(strange, random)];
    const at = Math.floor(random() * value.length);
    return value.map((member, index) => (index === at ? spoiled(member, random) : member));
  }
  const names = Object.keys(value);
  const members = value as Record<string, unknown>;
  const name = among(names, random);
  if (name === undefined || random() < 0.1) return { ...members, [`no such ${Math.floor(100 * random())}`]: 1 };
  if (random() < 0.2) return Object.fromEntries(Object.entries(members).filter(([other]) => other !== name));
  return { ...members, [name]: spoiled(members[name], random) };
}
