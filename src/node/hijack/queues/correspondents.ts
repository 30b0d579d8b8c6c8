/** Which processes of the machine last sent to and received from a message queue of System V: our kernel knows its own tasks. */

interface Last {
  readonly sender: number;
  readonly receiver: number;
}
const nobody: Last = { sender: 0, receiver: 0 };

export class Correspondents {
  /** By the queue's number, until it is removed. */
  readonly #last = new Map<number, Last>();

  of(id: number): Last {
    return this.#last.get(id) ?? nobody;
  }
  sent(id: number, sender: number): void {
    this.#last.set(id, { ...this.of(id), sender });
  }
  received(id: number, receiver: number): void {
    this.#last.set(id, { ...this.of(id), receiver });
  }
  removed(id: number): void {
    this.#last.delete(id);
  }
}
