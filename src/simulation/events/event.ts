/** What happens at one instant of virtual time, planned: names found, numbers read, and what Linux is to be told. */

import type { TcStep } from '../links/tc/step.ts';
import type { HostRoute } from '../plan/host-plan.ts';
import type { Place } from '../plan/issue.ts';
import type { InterfaceAddress } from '../plan/routes/prefix.ts';
import type { Link, Node } from '../plan/topology.ts';

/** Which way of a link: from its first endpoint to the second, or back. */
export type Way = 0 | 1;

/** One step of tc(8) on a direction that has it already: its options become other, or another queue takes its place. */
export interface TcChange {
  readonly how: 'change' | 'replace';
  readonly step: TcStep;
}

export type Action =
  | {
      readonly do: 'shape';
      readonly link: Link;
      readonly way: Way;
      readonly changes: readonly TcChange[];
      /** Bits a second from then on. */
      readonly rateBps?: number;
    }
  | { readonly do: 'cable'; readonly link: Link; readonly up: boolean }
  | { readonly do: 'pass'; readonly link: Link; readonly way: Way; readonly passes: boolean }
  | {
      readonly do: 'address';
      readonly node: Node;
      /** ifindex. */
      readonly device: number;
      readonly address: InterfaceAddress;
      readonly add: boolean;
    }
  | { readonly do: 'route'; readonly node: Node; readonly route: HostRoute; readonly add: boolean }
  | { readonly do: 'sysctl'; readonly node: Node; readonly key: string; readonly value: string };

export interface PlannedEvent {
  /** In the request. */
  readonly index: number;
  readonly place: Place;
  readonly atNs: number;
  /** In words, for marks. */
  readonly says: string;
  readonly actions: readonly Action[];
}

/** An event that came, as the answer tells it. */
export interface EventMark {
  readonly time_s: number;
  /** Its index in the request. */
  readonly event: number;
  readonly says: string;
  /** What Linux said when it refused a part of it. */
  readonly error?: string;
}
