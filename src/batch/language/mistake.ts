/** The one error of the batch language: a request that says something it cannot mean. */

export type MistakeCode =
  | 'unknown-call'
  | 'unknown-word'
  | 'unknown-struct'
  | 'unknown-field'
  | 'bad-ref'
  | 'wrong-type'
  | 'out-of-range'
  | 'too-many-args'
  | 'buffer-too-small'
  | 'over-limit';

/** What is wrong, and where: a JSON pointer (RFC 6901) into the call, such as `/args/1/sin_port`. */
export class Mistake extends Error {
  override readonly name = 'Mistake';
  readonly code: MistakeCode;
  readonly path: string;

  constructor(code: MistakeCode, path: string, message: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** `path` with one more step. */
export const at = (path: string, step: string | number): string =>
  typeof step === 'number' || !/[~/]/.test(step)
    ? `${path}/${step}`
    : `${path}/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** Where each argument of a call stands. */
const arguments_ = Array.from({ length: 8 }, (_, i) => `/args/${i}`);
export const argumentPath = (index: number): string => arguments_[index] ?? `/args/${index}`;
