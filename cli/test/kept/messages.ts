/** What tests and the process that runs their command lines tell each other: a line of JSON each. */

export interface Request {
  readonly launcher: string;
  readonly args: readonly string[];
  /** All of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In base64. */
  readonly stdin: string;
  /** Files. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Answer {
  readonly exitCode: number;
}
