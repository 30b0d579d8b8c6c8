/** Scripts of the packetdrill language as JSON. */

import { z } from '@hono/zod-openapi';
import { ipVersions, type PacketdrillRequest, type PacketdrillResult } from '../../packetdrill/packetdrill.ts';

export const DEADLINE_MS = { default: 30_000, max: 300_000 } as const;
const MAX_CHARS = 2 ** 20;
const MAX_FILES = 64;

export const packetdrillRequest = z
  .strictObject({
    script: z.string().max(MAX_CHARS).openapi({
      description: 'The text of a script.',
      example:
        '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+.1 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1460>',
    }),
    name: z.string().max(256).default('script.pkt').openapi({ description: 'Begins each error.' }),
    ip_versions: z.array(z.enum(ipVersions)).min(1).max(ipVersions.length).optional().openapi({
      description:
        "In this order, each on a kernel of its own. Default: the script's `--ip_version`, or those that its addresses are of, or all.",
    }),
    defines: z
      .record(z.string().regex(/^[A-Za-z_]\w*$/), z.string().max(256))
      .default({})
      .openapi({
        description:
          'Words that stand for others, as -D. TFO_COOKIE, TFO_COOKIE_ZERO, CMSG_LEVEL_IP and CMSG_TYPE_RECVERR are what the known suites have for each version.',
      }),
    options: z
      .record(z.string().regex(/^[a-z_]+$/), z.string().max(256))
      .default({})
      .openapi({
        description:
          "packetdrill's options, before those of the script: tolerance_usecs, mtu, local_ip, remote_ip, bind_port, connect_port, tcp_ts_tick_usecs, strict_segments.",
        example: { tolerance_usecs: '4000' },
      }),
    files: z
      .record(z.string().max(256), z.string().max(MAX_CHARS))
      .refine((files) => Object.keys(files).length <= MAX_FILES, `at most ${MAX_FILES} files`)
      .default({})
      .openapi({
        description:
          "Files that its commands name, such as ../common/defaults.sh; of these, as of any command, sysctl, ip, tc and a few others are understood. A defaults.sh that is not there is that of the kernel's own suite.",
      }),
    seed: z
      .union([z.int(), z.string().max(256)])
      .default(1)
      .openapi({
        description: 'Decides initial sequence numbers and all else that is random.',
      }),
    deadline_ms: z.int().min(1).max(DEADLINE_MS.max).default(DEADLINE_MS.default).openapi({
      description: 'How long each version may take.',
    }),
  })
  .openapi('PacketdrillRequest');

const result = z
  .object({
    ip_version: z.enum(ipVersions).openapi({ description: 'The addresses that it was run with.', example: 'ipv4' }),
    passed: z.boolean().openapi({ description: 'All went as the script says.' }),
    unreadable: z.literal(true).optional().openapi({
      description: 'The script is not of the language: nothing was played, and no other version follows.',
    }),
    error: z.string().optional().openapi({
      description: 'As packetdrill says it: the name, the line, and what was wrong.',
      example: 'script.pkt:5: error handling packet: live packet field tcp_ack: expected: 2 (0x2) vs actual: 1 (0x1)',
    }),
    line: z.int().optional().openapi({ description: 'Of the event that went wrong.' }),
    seconds: z.number().optional().openapi({ description: 'Virtual time that it took.' }),
    printed: z.array(z.string()).openapi({ description: 'What its code printed.' }),
  })
  .openapi('PacketdrillResult');

export const packetdrillAnswer = z
  .object({
    passed: z.boolean().openapi({ description: 'All of them.' }),
    results: z.array(result).openapi({
      description:
        'One of each version of addresses; one alone, and `unreadable`, where the script is not of the language.',
    }),
  })
  .openapi('PacketdrillAnswer');

type Request = z.infer<typeof packetdrillRequest>;

/** `--ip_version=` of the script itself. */
function versionsOf({
  ip_versions,
  script,
}: Pick<Request, 'ip_versions' | 'script'>): PacketdrillRequest['ipVersions'] {
  if (ip_versions) return ip_versions;
  const said = (option: string) => new RegExp(`^--${option}[= ]\\s*([\\w.:-]+)`, 'm').exec(script)?.[1];
  const own = ipVersions.find((version) => version === said('ip_version'));
  if (own) return [own];
  // Addresses are of one version of IP.
  const address = said('local_ip') ?? said('remote_ip');
  if (address === undefined) return ipVersions;
  return ipVersions.filter((version) => (version === 'ipv6') === address.includes(':'));
}

export function packetdrillOf(request: Request): PacketdrillRequest {
  const { name, script, defines, options, files, seed, deadline_ms: deadlineMs } = request;
  const byPath = new Map(Object.entries(files).map(([path, text]) => [plain(path), text]));
  return {
    name,
    script,
    ipVersions: versionsOf(request),
    defines,
    options,
    files: (path) => byPath.get(plain(path)),
    seed: String(seed),
    deadlineMs,
  };
}

const plain = (path: string): string => path.replace(/^\.\//, '');

export const packetdrillAnswerOf = (results: readonly PacketdrillResult[]): z.infer<typeof packetdrillAnswer> => ({
  passed: results.every(({ passed }) => passed),
  results: results.map(({ ipVersion, passed, unreadable, error, line, seconds, printed }) => ({
    ip_version: ipVersion,
    passed,
    ...(unreadable && { unreadable }),
    ...(error !== undefined && { error }),
    ...(line !== undefined && { line }),
    ...(seconds !== undefined && { seconds }),
    printed: [...printed],
  })),
});
