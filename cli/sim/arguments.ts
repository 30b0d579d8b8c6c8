/** Options of `lkl sim`. */

export interface SimArguments {
  readonly pcap?: string;
  readonly html?: string;
  readonly json?: true;
  readonly deadline?: number;
  readonly memory?: number;
  readonly graph?: string;
  readonly sweep?: Readonly<Record<string, readonly unknown[]>>;
  readonly url?: URL;
  readonly quiet?: true;
}
