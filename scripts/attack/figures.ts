/** Figures of many requests: how long they took, how they ended. */

const percentile = (sorted: readonly number[], share: number): number =>
  Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;

export interface KindFigures {
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** 503 or 429 with Retry-After, after which it was asked again. */
  readonly toldToComeBack: number;
  /** What nobody should see. */
  readonly failed: readonly string[];
}

export class Figures {
  readonly #tookMs: number[] = [];
  readonly #failed: string[] = [];
  #toldToComeBack = 0;

  answered(ms: number): void {
    this.#tookMs.push(ms);
  }

  comeBack(): void {
    this.#toldToComeBack++;
  }

  failed(cause: unknown): void {
    const { message, cause: inner } = cause instanceof Error ? cause : { message: String(cause), cause: undefined };
    this.#failed.push(inner instanceof Error ? `${message}: ${inner.message}` : message);
  }

  get all(): KindFigures {
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return {
      answered: sorted.length,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      toldToComeBack: this.#toldToComeBack,
      failed: this.#failed,
    };
  }
}
