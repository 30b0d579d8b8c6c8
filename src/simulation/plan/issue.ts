/** What is wrong with a request: a value with the place it is at. */

import { jsonStep } from '../../errors/json-path.ts';

/** Stable codes: each is one way a simulation can be impossible. */
export type IssueCode =
  | 'bad-name'
  | 'bad-unit'
  | 'bad-address'
  | 'bad-option'
  | 'unknown-node'
  | 'unknown-interface'
  | 'duplicate'
  | 'address-clash'
  | 'switch-loop'
  | 'unreachable'
  | 'impossible-rate'
  | 'over-budget'
  /** Linux takes it for none of the above, and does not do it. */
  | 'refused'
  | 'hijack';

export interface Issue {
  readonly code: IssueCode;
  /** JSON path: links[0].rate */
  readonly path: string;
  readonly message: string;
  /** Linux's name of the error, of what it refused. */
  readonly errno?: string;
}

/** A place in the request; makes the paths of what lies in it. */
export class Place {
  readonly path: string;
  readonly #issues: Issue[];

  constructor(issues: Issue[], path = '') {
    this.#issues = issues;
    this.path = path;
  }

  /** The place of a member or an element. */
  at(key: string | number): Place {
    return new Place(this.#issues, jsonStep(this.path, key));
  }

  /** Something is wrong here. */
  fail(code: IssueCode, message: string): undefined {
    this.#issues.push({ code, path: this.path, message });
    return undefined;
  }

  /** Read a value here with a parser; what it cannot read is an issue. */
  read<T>(parse: (text: string) => T | undefined, value: string | undefined, what: string): T | undefined {
    if (value === undefined) return undefined;
    const parsed = typeof value === 'string' ? parse(value) : undefined;
    return parsed ?? this.fail('bad-unit', `${JSON.stringify(value)} is no ${what}`);
  }
}
