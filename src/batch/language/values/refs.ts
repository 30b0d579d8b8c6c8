/** Earlier results by name: what {"ref": "stat.st_size"} stands for. */

import { at, Mistake } from '../mistake.ts';
import type { CallResult, Json } from '../types.ts';
import { isObject } from './bytes.ts';

/** The named results of one batch. Tasks of a batch may share them. */
export class Refs {
  readonly #results = new Map<string, CallResult>();

  set(name: string, result: CallResult): void {
    this.#results.set(name, result);
  }

  /** `value` with every {"ref"} in it replaced by what it names. */
  resolve(value: Json, path: string): Json {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item: Json, i) => this.resolve(item, at(path, i)));
    if (!isObject(value)) return value;
    const { ref } = value;
    if (ref !== undefined) return this.#look(ref, at(path, 'ref'));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item, at(path, key))]));
  }

  /** "name" is the call's `ret`, "name.field" a field of its `out`; "name.ret" and "name.out" say it in full. */
  #look(ref: Json, path: string): Json {
    if (typeof ref !== 'string') throw new Mistake('bad-ref', path, 'a reference is a name');
    const [name = '', ...steps] = ref.split('.');
    const result = this.#results.get(name);
    if (!result) throw new Mistake('bad-ref', path, `no earlier call is named ${name}`);
    if (steps.length === 0) return result.ret;
    const whole = { ret: result.ret, errno: result.errno ?? null, out: result.out ?? null };
    const [first = ''] = steps;
    let found: Json | undefined = Object.hasOwn(whole, first) ? whole : whole.out;
    for (const step of steps)
      found = Array.isArray(found)
        ? found[Number(step)]
        : isObject(found) && Object.hasOwn(found, step)
          ? found[step]
          : undefined;
    if (found === undefined) {
      const failed = result.errno === undefined ? '' : `: the call failed with ${result.errno}`;
      throw new Mistake('bad-ref', path, `the result named ${name} has no ${steps.join('.')}${failed}`);
    }
    return found;
  }
}
