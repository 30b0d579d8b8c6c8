/** LUKS: each member is a volume by itself, once somebody knows its passphrase. */

import { HostError } from '../../../errors/host-error.ts';
import type { ProbedVolume } from '../../volumes/volumes.ts';
import type { Kind, Made, StackTools } from '../kind.ts';
import { areaReader, luksHeader, openSegments } from '../luks/open.ts';
import { unlock } from '../luks/unlock.ts';

export const luksKind: Kind = {
  type: 'crypto_LUKS',
  group: async (members, tools) =>
    members.map((member) => ({
      type: 'LUKS',
      members: [member],
      isComplete: true,
      open: async () => [await open(member, tools)],
    })),
};

async function open(member: ProbedVolume, tools: StackTools): Promise<Made> {
  const { keyring } = tools;
  const { title } = member;
  const device = await tools.device(member);
  const own = (await member.content())?.type === luksKind.type ? { device, bytes: member.bytes } : tools.header;
  const { device: headerDevice, bytes } = own ?? { device, bytes: member.bytes };
  const header = await luksHeader(bytes);
  const { uuid } = header;
  if (keyring.isEmpty) {
    throw new HostError(
      'passphrase-needed',
      `${title} is encrypted (LUKS${header.version}): it needs a passphrase or a key file`,
      {
        members: { uuid },
      },
    );
  }
  const read = areaReader(tools, headerDevice);
  const keys = await keyring.keysOf(uuid, { title, uuid }, (secret) =>
    unlock(header, secret, keyring.derivation, read),
  );
  if (keys === undefined) {
    throw new HostError(
      'wrong-passphrase',
      `${title} (LUKS${header.version}): no passphrase or key file that was given opens it`,
      {
        members: { uuid },
      },
    );
  }
  const made = await openSegments(header, keys, device, member.bytes, tools);
  return { device: made, title: `/dev/mapper/luks-${uuid}`, names: [`luks-${uuid}`], kind: 'crypt', on: [member] };
}
