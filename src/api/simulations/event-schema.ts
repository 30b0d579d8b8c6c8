/** Events as JSON: what changes while a simulation runs. */

import { z } from '@hono/zod-openapi';
import { changeable, route } from './network-schema.ts';
import { count, name, named, sysctls, time, word } from './words.ts';

const at = word('When, in virtual time.', '5s');
const timing = {
  at,
  every: time('Again, each so much later. Default: once.', '2s'),
  times: count('How often, with `every`. Default: to the end.', 10),
};
const passing = { ...timing, for: time('Undone after so long. Default: never.', '500ms') };
const link = named('The name of a link.', 'a-b');
const way = z
  .enum(['forward', 'reverse'])
  .optional()
  .openapi({ description: 'From its first end to the second, or back. Default: both.', example: 'forward' });
const cable = {
  link: named('The name of a link; or `node`.', 'a-b').optional(),
  node: named('All links of a node.', 'b').optional(),
};
const node = named('The node.', 'a');

export const event = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('link').openapi({
        description:
          'What is named becomes other; packets that wait go on waiting. A link that is to get another rate or queue has one from the start.',
      }),
      ...passing,
      link,
      way,
      ...changeable,
    }),
    z.strictObject({
      type: z.literal('down').openapi({
        description: 'Cables are pulled: both ends lose their carrier, what was on the way is lost.',
      }),
      ...passing,
      ...cable,
    }),
    z.strictObject({ type: z.literal('up').openapi({ description: 'And plugged in again.' }), ...timing, ...cable }),
    z.strictObject({
      type: z.literal('blackhole').openapi({ description: 'Packets vanish in silence; the carrier stays.' }),
      ...passing,
      link,
      way,
    }),
    z.strictObject({
      type: z.literal('partition').openapi({
        description:
          'Black holes on every link between nodes of two groups. A switch or router between them belongs to one: a partition that cuts no link is refused.',
      }),
      ...passing,
      groups: z.array(z.array(name)).openapi({ description: 'Names of nodes.', example: [['a', 's', 'b'], ['c']] }),
    }),
    z.strictObject({
      type: z.literal('heal').openapi({ description: 'Black holes and partitions end.' }),
      ...timing,
      link: named('Default: all.', 'a-b').optional(),
    }),
    z.strictObject({
      type: z.literal('address').openapi({ description: 'An interface gets an address, or loses one.' }),
      ...timing,
      node,
      dev: named('Its interface.', 'eth0'),
      add: named('With its prefix length.', '10.0.0.9/24').optional(),
      remove: named('Or this one goes.', '10.0.0.1/24').optional(),
    }),
    z.strictObject({
      type: z.literal('route').openapi({ description: 'A host gets a route, or loses one.' }),
      ...timing,
      node,
      add: route
        .optional()
        .openapi({ description: 'Takes the place of one to the same network.', example: { to: 'default', via: 'r2' } }),
      remove: route.optional().openapi({ description: 'Or this one goes.', example: { to: 'default' } }),
    }),
    z.strictObject({
      type: z.literal('sysctl').openapi({ description: 'Sysctls of a node.' }),
      ...timing,
      node,
      set: sysctls,
    }),
    z.strictObject({
      type: z.literal('start').openapi({ description: 'A workload without a start of its own begins.' }),
      at,
      workload: named('The name of a workload.', 'tcp-0'),
    }),
  ])
  .openapi('SimulationEvent');
