/** Routes to the network cards of a session. */

import { createRoute, z } from '@hono/zod-openapi';
import { parseMac } from '../../../abi/netlink/inet.ts';
import type { Lease } from '../../../network/dhcp/client.ts';
import { problemResponses } from '../problem.ts';
import { sessionParams } from './schema.ts';

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });

/** Of one network card: not nobody's, and no group's. */
const isCard = (text: string): boolean => {
  const bytes = parseMac(text);
  return bytes !== undefined && ((bytes[0] ?? 0) & 1) === 0 && bytes.some((byte) => byte !== 0);
};

const name = z
  .string()
  .regex(/^[^/\s]{1,15}$/)
  .openapi({ param: { name: 'name', in: 'path' }, description: 'As Linux named it when it came.', example: 'eth0' });
const params = sessionParams.extend({ name });

const card = z
  .object({
    name: z.string().openapi({ description: 'As Linux named it when it came.', example: 'eth0' }),
    index: z.int().openapi({ description: 'Its ifindex.' }),
    mac: z.string().openapi({ description: 'Its address.', example: '02:00:00:00:00:01' }),
    connected: z.boolean().openapi({ description: 'A cable is in it.' }),
    dropped: z.int().openapi({ description: 'Frames that came faster than the kernel took them, and were lost.' }),
    lease: z
      .object({
        address: z.string(),
        prefix_length: z.int(),
        gateway: z.string().optional(),
        nameservers: z.array(z.string()),
        server: z.string(),
        seconds: z.int(),
      })
      .optional()
      .openapi({ description: 'What DHCP gave.' }),
  })
  .openapi('SessionInterface');

const newCard = z
  .strictObject({
    mac: z.string().refine(isCard, 'a MAC address of one card').optional().openapi({
      description: 'Default: random, locally administered.',
      example: '02:00:00:00:00:01',
    }),
    mtu: z
      .int()
      .min(68)
      .max(65_535)
      .optional()
      .openapi({ description: 'The first and the largest. Default: 1500, and any.' }),
    link: z
      .strictObject({ session: z.uuid(), interface: z.string().min(1).max(15) })
      .optional()
      .openapi({ description: 'A cable to an interface of another session of yours.' }),
    user: z.literal(true).optional().openapi({
      description:
        'A network of its own that reaches the world by TCP, where the owner of the service lets sessions out (`OUTBOUND`): router 10.0.2.2, names at 10.0.2.3. Not with `link`.',
    }),
    dhcp: z.boolean().optional().openapi({ description: 'Ask the other end of `link` or `user` for an address.' }),
  })
  .refine(({ link, user }) => !(link && user), { error: 'a card has one cable: link or user', path: ['user'] })
  .openapi('NewSessionInterface');

export const leaseJson = ({ prefixLength, nameservers, ...lease }: Lease) => ({
  ...lease,
  prefix_length: prefixLength,
  nameservers: [...nameservers],
});

const tags = ['sessions'];

export const listInterfaces = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/interfaces',
  operationId: 'listSessionInterfaces',
  summary: 'The network cards of a session',
  description: 'Each with its name in the kernel, its address, and what is at its other end.',
  tags,
  request: { params: sessionParams },
  responses: {
    200: {
      description: 'In the order in which they came.',
      content: json(
        z
          .object({ interfaces: z.array(card).openapi({ description: 'In the order in which they came.' }) })
          .openapi('SessionInterfaces'),
      ),
    },
    ...problemResponses(400, 404, 409, 410),
  },
});

export const addInterface = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/interfaces',
  operationId: 'addSessionInterface',
  summary: 'Plug a network card into a session',
  description:
    'A virtio-net card; its device is there at once, and down, in the network namespace of pid 1. Its cable is a WebSocket (`…/interfaces/{name}/socket`), or leads to an interface of another session. Cards are stored with a session, cables are not: a session that goes on has cards without a carrier. While a cable is in, a session is not suspended.',
  tags,
  request: { params: sessionParams, body: { required: true, content: json(newCard) } },
  responses: {
    201: { description: 'It is there.', content: json(card) },
    ...problemResponses(400, 403, 404, 409, 410, 413, 415, 422),
  },
});

export const removeInterface = createRoute({
  method: 'delete',
  path: '/v1/sessions/{id}/interfaces/{name}',
  operationId: 'removeSessionInterface',
  summary: 'Pull a network card out of a session',
  description: 'Its device is gone, with addresses and routes.',
  tags,
  request: { params },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404, 409, 410) },
});

export const connectInterface = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/interfaces/{name}/socket',
  operationId: 'connectSessionInterface',
  summary: 'A cable into a network card',
  description:
    'Each binary message is one Ethernet frame, both ways; other messages are none. One cable at a time: a new one takes the place of the one before. When it closes the carrier is gone.',
  tags,
  request: { params },
  responses: { 101: { description: 'The WebSocket.' }, ...problemResponses(400, 404, 409, 410, 426) },
});
