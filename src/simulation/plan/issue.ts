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
  /** A program of a host's set-up did not succeed. */
  | 'set-up'
  | 'hijack';

export interface Issue {
  readonly code: IssueCode;
  /** JSON path: links[0].rate */
  readonly path: string;
  readonly message: string;
  /** Linux's name of the error, of what it refused. */
  readonly errno?: string;
}

/** What is possible, but looks like a slip, or bounds what the numbers of the answer mean. */
export interface Warning {
  /** JSON path: links[0].rate */
  readonly path: string;
  readonly message: string;
}

/** What was found while a request was read. */
export interface Findings {
  readonly issues: Issue[];
  readonly warnings: Warning[];
}

/** A place in the request; makes the paths of what lies in it. */
export class Place {
  readonly path: string;
  readonly #findings: Findings;

  constructor(findings: Findings, path = '') {
    this.#findings = findings;
    this.path = path;
  }

  /** The place of a member or an element. */
  at(key: string | number): Place {
    return new Place(this.#findings, jsonStep(this.path, key));
  }

  /** Something is wrong here. */
  fail(code: IssueCode, message: string): undefined {
    this.#findings.issues.push({ code, path: this.path, message });
    return undefined;
  }

  /** Something here may not be what was meant. Said once, however often it is looked at. */
  warn(message: string): void {
    const { warnings } = this.#findings;
    if (warnings.some((one) => one.path === this.path && one.message === message)) return;
    warnings.push({ path: this.path, message });
  }

  /** An object with no members but these; `what` names it. Answers nothing where it is none. */
  members<K extends string>(
    value: unknown,
    what: string,
    known: readonly K[],
  ): Partial<Record<K, unknown>> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.fail('bad-option', `${JSON.stringify(value)} is no ${what}: an object of ${known.join(', ')}`);
    for (const key of Object.keys(value))
      if (!known.some((one) => one === key))
        this.at(key).fail('bad-option', `${what} has no ${key}; it has ${known.join(', ')}`);
    return value;
  }

  /** Read a value here with a parser; what it cannot read is an issue. */
  read<T>(parse: (text: string) => T | undefined, value: string | undefined, what: string): T | undefined {
    if (value === undefined) return undefined;
    const parsed = typeof value === 'string' ? parse(value) : undefined;
    return parsed ?? this.fail('bad-unit', `${JSON.stringify(value)} is no ${what}`);
  }
}
