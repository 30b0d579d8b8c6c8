/** A network and values that some of its members are to have, made into networks: one for each combination. Pure. */

import type { Issue } from '../plan/issue.ts';

type Json = unknown;
type JsonObject = { readonly [key: string]: Json };

/** By the paths of members, "links[0].delay": the values each is to have. */
export type Sweep = Readonly<Record<string, readonly Json[]>>;

export interface SweepRun {
  /** By path. */
  readonly values: Readonly<Record<string, Json>>;
  readonly network: JsonObject;
}

/** More tables than anyone reads. */
const MOST_RUNS = 1000;

/** Every combination, the last path's values changing fastest; or what is wrong with the sweep. */
export function expandSweep(
  network: JsonObject,
  sweep: unknown,
): { readonly runs: readonly SweepRun[] } | { readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const fail = (path: string, message: string): void => {
    issues.push({ code: 'bad-option', path, message });
  };
  if (typeof sweep !== 'object' || sweep === null || Array.isArray(sweep) || Object.keys(sweep).length === 0) {
    fail('sweep', 'a sweep is an object of paths, each with a list of values: {"links[0].delay": ["10ms", "20ms"]}');
    return { issues };
  }
  let count = 1;
  /** By their steps: a path may be written in several ways. */
  const places = new Map<string, string>();
  const axes = Object.entries(sweep).flatMap(([path, values]) => {
    const at = `sweep[${JSON.stringify(path)}]`;
    const steps = stepsOf(path);
    if (!steps) fail(at, 'it is no path, such as "links[0].delay" or "hosts.a.sysctls["net.ipv4.tcp_sack"]"');
    else if (!hasPlace(network, steps)) fail(at, 'the network has no such place');
    const key = JSON.stringify(steps);
    const other = steps && places.get(key);
    if (other !== undefined) fail(at, `${other} is the same place`);
    places.set(key, path);
    if (!Array.isArray(values) || values.length === 0) fail(at, 'a list of values, one at least');
    else count *= values.length;
    return steps && Array.isArray(values) ? [{ path, steps, values: values as readonly Json[] }] : [];
  });
  if (count > MOST_RUNS) fail('sweep', `${count} combinations: ${MOST_RUNS} are the most`);
  if (issues.length > 0) return { issues };
  let runs: readonly SweepRun[] = [{ values: {}, network }];
  for (const { path, steps, values } of axes)
    runs = runs.flatMap((run) =>
      values.map((value) => ({
        values: { ...run.values, [path]: value },
        network: withValue(run.network, steps, value) as JsonObject,
      })),
    );
  return { runs };
}

type Steps = readonly (string | number)[];

/** links[0].delay, hosts.a.sysctls["net.ipv4.tcp_sack"] */
function stepsOf(path: string): Steps | undefined {
  const steps: (string | number)[] = [];
  let rest = path;
  while (rest !== '') {
    const [whole, name, index, quoted] =
      /^(?:(?:^|\.)([A-Za-z_][\w-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\])/.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    if (name !== undefined) steps.push(name);
    else if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(String(JSON.parse(quoted)));
    rest = rest.slice(whole.length);
  }
  return steps.length > 0 ? steps : undefined;
}

/** The member itself may be missing: a value makes it. */
function hasPlace(value: Json, [step, ...rest]: Steps): boolean {
  if (typeof value !== 'object' || value === null || step === undefined) return false;
  if (Array.isArray(value))
    return typeof step === 'number' && step < value.length && (rest.length === 0 || hasPlace(value[step], rest));
  if (typeof step === 'number') return false;
  return rest.length === 0 || hasPlace((value as JsonObject)[step], rest);
}

function withValue(value: Json, [step, ...rest]: Steps, leaf: Json): Json {
  if (step === undefined) return leaf;
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? withValue(item, rest, leaf) : item));
  const object = value as JsonObject;
  return { ...object, [step]: withValue(object[String(step)], rest, leaf) };
}
