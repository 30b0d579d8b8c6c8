/** Requests that wait for memory, served in turn: fair between owners, and in the order they came for each. */

import { Life, type Pace } from './lease.ts';

export interface Ticket {
  readonly owner: string | undefined;
  readonly life: Life;
}

/** Of so many owners it is remembered when they had their last turn. */
const REMEMBERED = 256;

export class WaitingRoom {
  #tickets: Ticket[] = [];
  readonly #pace: Pace;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Owners, the last served last. */
  readonly #served = new Set<string | undefined>();

  get size(): number {
    return this.#tickets.length;
  }

  enter(owner: string | undefined, nowNs: number): Ticket {
    const ticket = { owner, life: new Life(nowNs, this.#pace) };
    this.#tickets.push(ticket);
    return ticket;
  }

  /** He who has it waits no more. */
  leave(ticket: Ticket): void {
    this.#tickets = this.#tickets.filter((other) => other !== ticket);
  }

  /** Show that he who has the ticket still waits. One who was taken for gone is the last now. */
  beat(ticket: Ticket, nowNs: number): void {
    ticket.life.beat(nowNs);
    if (!this.#tickets.includes(ticket)) this.#tickets.push(ticket);
  }

  /** Let go of those who are not there any more. */
  sweep(nowNs: number): void {
    this.#tickets = this.#tickets.filter(({ life }) => !life.isOver(nowNs));
  }

  /** This owner has had a turn. */
  served(owner: string | undefined): void {
    this.#served.delete(owner);
    this.#served.add(owner);
    const [oldest] = this.#served;
    if (this.#served.size > REMEMBERED) this.#served.delete(oldest);
  }

  /** Whose turn it is: of the owner who has least now, of those the one whose last turn is longest ago, and of his the first. */
  next(held: (owner: string | undefined) => number): Ticket | undefined {
    const turns = new Map([...this.#served].map((owner, at) => [owner, at + 1]));
    let next: Ticket | undefined;
    let [least, earliest] = [Number.POSITIVE_INFINITY, 0];
    for (const ticket of this.#tickets) {
      const [has, turn] = [held(ticket.owner), turns.get(ticket.owner) ?? 0];
      if (has < least || (has === least && turn < earliest)) [next, least, earliest] = [ticket, has, turn];
    }
    return next;
  }
}
