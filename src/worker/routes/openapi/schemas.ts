/** Schemas as those read them who make clients from the document, or hold what they send against it. */

type Json = Readonly<Record<string, unknown>>;

/** The schemas of a document's components, by name, as clients understand them. */
export const forClients = <Schema>(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> =>
  mapValues(withoutClosedParts(schemas), (schema) => withoutTuples(withoutDefaults(schema)));

const mapValues = <From, To>(object: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

/**
 * Defaults said in words: generators of clients take a member with a `default` for one that is always there, so that whoever
 * sends it would have to fill it in.
 */
function withoutDefaults<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(withoutDefaults) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const { default: value, ...rest } = schema as Record<string, unknown>;
  // A property may well be called `default`: then it is a schema.
  if (value === undefined || (typeof value === 'object' && value !== null && 'type' in value)) {
    return mapValues(schema as Record<string, unknown>, withoutDefaults) as T;
  }
  const said = typeof rest.description === 'string' ? `${rest.description} ` : '';
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  const description = isEmpty ? {} : { description: `${said}Default: \`${JSON.stringify(value)}\`.` };
  return { ...mapValues(rest, withoutDefaults), ...description } as T;
}

/**
 * A tuple of members alike, as an array of so many: this says their number, which `prefixItems` alone leaves open, and those who
 * read documents by the ways of OpenAPI 3.0 (RapiDoc, openapi-fetch) look for `items` in every array.
 */
function withoutTuples<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(withoutTuples) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const { prefixItems, ...rest } = schema as Record<string, unknown>;
  if (!Array.isArray(prefixItems)) return mapValues(schema as Record<string, unknown>, withoutTuples) as T;
  const [items, ...others] = prefixItems.map((member) => withoutTuples(member));
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(items))) {
    throw new Error(`members of a tuple differ, which many clients cannot read: ${JSON.stringify(prefixItems)}`);
  }
  const length = prefixItems.length;
  return { ...mapValues(rest, withoutTuples), items, minItems: length, maxItems: length } as T;
}

const PART = '#/components/schemas/';

/**
 * What extends a closed object, as one object: by `allOf` each part would refuse the members of the others, so that nothing at all
 * would fit (JSON Schema 2020-12, 10.3.2.3).
 */
function withoutClosedParts<Schema>(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> {
  const named = (part: Json): Json => {
    const { $ref } = part;
    return typeof $ref === 'string' && $ref.startsWith(PART) ? (schemas[$ref.slice(PART.length)] as Json) : part;
  };
  const merged = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(merged);
    if (typeof value !== 'object' || value === null) return value;
    const { allOf, ...rest } = value as Json;
    if (!Array.isArray(allOf)) return mapValues(value as Json, merged);
    const parts = allOf.map((part) => merged(named(part)) as Json);
    if (!parts.some(({ additionalProperties }) => additionalProperties === false))
      return mapValues(value as Json, merged);
    const required = new Set(parts.flatMap((part) => (part.required as readonly string[] | undefined) ?? []));
    return {
      ...Object.assign({}, ...parts),
      properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
      ...(required.size > 0 && { required: [...required] }),
      additionalProperties: false,
      ...rest,
    };
  };
  return mapValues(schemas, (schema) => merged(schema) as Schema);
}
