/** Every operation, called through the client that @hey-api/openapi-ts makes: this has to compile, and to run. */

import assert from 'node:assert/strict';
import * as lkl from './generated/hey-api';
import { createClient } from './generated/hey-api/client';
import { given, HELLO, type Inputs } from './inputs.ts';

interface Asked<T> {
  data?: T;
  /** A problem, but of HEAD: it answers without a body. */
  error?: unknown;
  response?: Response;
}

/** The answer of each operation, by its name. */
export async function callAll({ url, fetch, image, disk }: Inputs) {
  const client = createClient({ baseUrl: url, fetch });
  const answers: Record<string, unknown> = {};
  /** What was answered, which is no problem. */
  async function ok<T>(name: string, asked: Promise<Asked<T>>): Promise<T> {
    const { data, error, response } = await asked;
    assert.ok(response?.ok, `${name}: ${response?.status} ${JSON.stringify(error)}`);
    answers[name] = data;
    return data as T;
  }

  const health: lkl.Health = await ok('getHealth', lkl.getHealth({ client }));
  assert.equal(health.ok, true);
  const version: lkl.Version = await ok('getVersion', lkl.getVersion({ client }));
  assert.match(version.linux, /^6\./);
  assert.equal((await ok('getOpenapi', lkl.getOpenapi({ client }))).openapi, '3.1.0');
  assert.match(await ok('getDocs', lkl.getDocs({ client })), /<rapi-doc/);
  const script: string | Blob = await ok('getDocsScript', lkl.getDocsScript({ client }));
  assert.ok(script);
  const problem: lkl.ProblemType = await ok('getProblem', lkl.getProblem({ client, path: { name: 'unauthorized' } }));
  assert.equal(problem.status, 401);

  const tar: Blob = await ok('fs2tar', lkl.fs2Tar({ client, body: image, query: { type: 'romfs' } }));
  assert.ok(tar.size >= 1024);
  const zip: Blob = await ok('fs2zip', lkl.fs2Zip({ client, body: image, query: { type: 'romfs' } }));
  assert.ok(zip.size > 22);

  const path = { name: 'hey.romfs' };
  const stored: lkl.Image = await ok('putImage', lkl.putImage({ client, path, body: image }));
  assert.equal(stored.size_bytes, image.size);
  await ok('headImage', lkl.headImage({ client, path }));
  const page: lkl.ImagePage = await ok('listImages', lkl.listImages({ client, query: { prefix: 'hey', limit: 10 } }));
  assert.deepEqual(
    page.images.map((one) => one.etag),
    [stored.etag],
  );
  const described: lkl.ImageDescription = await ok('describeImage', lkl.describeImage({ client, path }));
  assert.equal(described.name, 'hey.romfs');
  const part1: Blob = await ok('getImageTar', lkl.getImageTar({ client, path, query: { path: 'hello' } }));
  assert.ok(part1.size >= 1024);
  const zipped: Blob = await ok('getImageZip', lkl.getImageZip({ client, path, query: { path: 'hello' } }));
  assert.ok(zipped.size > 100);
  // One URL, two kinds of things: which of them it is only the image knows.
  const root: lkl.Directory | Blob = await ok(
    'getImageFile',
    lkl.getImageFile({ client, path: { ...path, path: '.' } }),
  );
  assert.ok('entries' in root && root.entries.some((entry) => entry.name === 'hello'));
  const file = await lkl.getImageFile({ client, path: { ...path, path: 'hello' } });
  assert.equal(file.data instanceof Blob && (await file.data.text()), HELLO);

  const link: lkl.Link = await ok(
    'createLink',
    lkl.createLink({ client, body: { method: 'GET', path: `/v1/images/${path.name}/files/hello` } }),
  );
  assert.equal(await (await fetch(link.url)).text(), HELLO);

  const upload: lkl.Upload = await ok('beginUpload', lkl.beginUpload({ client, path }));
  const id = upload.id;
  const part: lkl.UploadedPart = await ok(
    'putPart',
    lkl.putPart({ client, body: image, path: { ...path, id, part: 1 } }),
  );
  const uploads: lkl.UploadList = await ok('listUploads', lkl.listUploads({ client, path }));
  assert.equal(uploads.uploads[0]?.id, id);
  const whole: lkl.Image = await ok(
    'completeUpload',
    lkl.completeUpload({ client, body: { parts: [part] }, path: { ...path, id } }),
  );
  assert.equal(whole.size_bytes, image.size);
  const second = given((await lkl.beginUpload({ client, path })).data, 'upload');
  await ok('abortUpload', lkl.abortUpload({ client, path: { ...path, id: second.id } }));
  await ok('deleteImage', lkl.deleteImage({ client, path }));

  const disks = { name: 'hey.ext4' };
  await ok('putImage', lkl.putImage({ client, path: disks, body: disk }));
  const put: lkl.WrittenImage = await ok(
    'putImageFile',
    lkl.putImageFile({
      client,
      path: { ...disks, path: 'greeting' },
      body: new Blob([HELLO]),
      query: { mode: '0600' },
    }),
  );
  const changed: lkl.WrittenImage = await ok(
    'changeImage',
    lkl.changeImage({
      client,
      path: disks,
      body: { changes: [{ op: 'rename', from: 'greeting', to: 'hello' }] },
      headers: { 'if-match': `"${put.etag}"` },
    }),
  );
  await ok('deleteImageFile', lkl.deleteImageFile({ client, path: { ...disks, path: 'hello' } }));
  const filled: lkl.FilledImage = await ok('fillImage', lkl.fillImage({ client, path: disks, body: tar }));
  assert.deepEqual(filled.losses, []);
  const versions: lkl.ImageVersions = await ok('listImageVersions', lkl.listImageVersions({ client, path: disks }));
  assert.equal(versions.versions.length, 4);
  await ok('restoreImageVersion', lkl.restoreImageVersion({ client, path: { ...disks, id: changed.version } }));
  await ok('dropImageVersion', lkl.dropImageVersion({ client, path: { ...disks, id: put.version } }));
  const raw: Blob | File = await ok('getImageRaw', lkl.getImageRaw({ client, path: disks }));
  assert.equal(raw.size, disk.size);

  const calls: lkl.Call[] = [{ call: 'getpid', args: [] }];
  const table: lkl.SyscallTable = await ok('getSyscalls', lkl.getSyscalls({ client }));
  assert.ok(table.calls.length > 100);
  const batch: lkl.BatchAnswer = await ok('postSyscalls', lkl.postSyscalls({ client, body: { calls } }));
  assert.equal(batch.results[0]?.ret, 1);

  const logged: lkl.Call[] = [
    ...calls,
    { call: 'open', args: [{ utf8: '/dev/kmsg' }, 'O_WRONLY', 0], as: 'log' },
    { call: 'write', args: [{ ref: 'log' }, { utf8: 'noted\n' }, 6] },
  ];
  const session: lkl.Session = await ok(
    'createSession',
    lkl.createSession({ client, body: { expires_in_s: 600, program_memory: 8 } }),
  );
  const here = { client, path: { id: session.id } };
  const ran: lkl.SessionAnswer = await ok(
    'runInSession',
    lkl.runInSession({ ...here, body: { calls: logged, strace: true } }),
  );
  assert.deepEqual(
    ran.results.map(({ ret }) => ret),
    [1, 0, 6],
  );
  const at = { client, path: { id: session.id, path: 'greeting' } };
  await ok('putSessionFile', lkl.putSessionFile({ ...at, body: new Blob([HELLO]) }));
  const there = await lkl.getSessionFile(at);
  assert.equal(there.data instanceof Blob && (await there.data.text()), HELLO);
  const top: lkl.Directory | Blob = await ok(
    'getSessionFile',
    lkl.getSessionFile({ client, path: { id: session.id, path: '.' } }),
  );
  assert.ok('entries' in top && top.entries.some((entry) => entry.name === 'greeting'));
  // It has no disk: that is a problem, told by its name.
  const none = { client, path: { id: session.id, disk: 'vda' } };
  assert.equal((await lkl.getSessionDisk(none)).error?.status, 404);
  assert.equal((await lkl.saveSessionDisk({ ...none, body: { image: 'saved' } })).error?.status, 404);
  const card = await ok('addSessionInterface', lkl.addSessionInterface({ ...here, body: { mtu: 1400 } }));
  const list = await ok('listSessionInterfaces', lkl.listSessionInterfaces(here));
  assert.deepEqual(list.interfaces, [card]);
  const eth0 = { client, path: { id: session.id, name: card.name } };
  assert.equal((await lkl.connectSessionInterface(eth0)).error?.status, 426);
  await ok('removeSessionInterface', lkl.removeSessionInterface(eth0));
  // Nobody listens: whoever has started a server there gets what it answers.
  const port = { client, path: { id: session.id, port: '8080', path: 'index.html' } };
  for (const { error } of [
    await lkl.getFromPort(port),
    await lkl.postToPort(port),
    await lkl.putToPort(port),
    await lkl.patchAtPort(port),
    await lkl.deleteAtPort(port),
  ])
    assert.equal(error?.status, 409);
  const log: string = await ok('getSessionConsole', lkl.getSessionConsole(here));
  assert.match(log, /noted/);
  const traced: string = await ok('getSessionStrace', lkl.getSessionStrace(here));
  assert.match(traced, /getpid\(\) += 1/);
  // A WebSocket is opened by other means: asked for by a plain request, it says so.
  const socket = await lkl.connectSession(here);
  assert.equal(socket.error?.status, 426);
  const terminal = await lkl.openTerminal(here);
  assert.equal(terminal.error?.status, 426);
  const executed: lkl.SessionProgramAnswer = await ok(
    'execInSession',
    lkl.execInSession({ ...here, body: { argv: ['sh', '-c', 'exit 3'] } }),
  );
  assert.equal(executed.exit_code, 3);
  const suspended: lkl.Session = await ok('suspendSession', lkl.suspendSession(here));
  assert.equal(suspended.state, 'suspended');
  const forked: lkl.Session = await ok('forkSession', lkl.forkSession(here));
  assert.notEqual(forked.id, session.id);
  const again: lkl.Session = await ok('getSession', lkl.getSession(here));
  assert.equal(again.id, session.id);
  const sessions: lkl.SessionList = await ok('listSessions', lkl.listSessions({ client }));
  assert.ok(sessions.sessions.length >= 2);
  await ok('deleteSession', lkl.deleteSession(here));
  await lkl.deleteSession({ client, path: { id: forked.id } });

  const simulation: lkl.Simulation = {
    seed: 1,
    duration: '2s',
    hosts: { a: {}, b: {} },
    links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
    workloads: [{ type: 'ping', from: 'a', to: 'b', count: 2 }],
  };
  const answer: lkl.SimulationAnswer = await ok('postSimulations', lkl.postSimulations({ client, body: simulation }));
  assert.equal(answer.flows[0]?.type, 'ping');
  const swept: lkl.SimulationSweepAnswer = await ok(
    'postSimulationSweep',
    lkl.postSimulationSweep({ client, body: { ...simulation, sweep: { 'links[0].delay': ['10ms', '20ms'] } } }),
  );
  assert.equal(swept.runs.length, 2);

  const drill = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 1';
  const played: lkl.PacketdrillAnswer = await ok(
    'postPacketdrill',
    lkl.postPacketdrill({ client, body: { script: drill, ip_versions: ['ipv4', 'ipv6'] } }),
  );
  assert.equal(played.results[0]?.line, 2);

  const argv = ['sh', '-c', 'cat; mke2fs -q -F -L data /dev/vda && blkid -o value -s LABEL /dev/vda'];
  const ext4 = { name: 'made-too.ext4' };
  const made: lkl.MadeImage = await ok(
    'makeFileSystem',
    lkl.makeFileSystem({ client, path: ext4, query: { type: 'ext4', size: '16M' } }),
  );
  assert.equal(made.size_bytes, 16777216);
  const checked: lkl.CheckedImage = await ok('checkFileSystem', lkl.checkFileSystem({ client, path: ext4 }));
  assert.equal(checked.verdict, 'clean');
  const resized: lkl.ResizedImage = await ok(
    'resizeImage',
    lkl.resizeImage({ client, path: ext4, query: { size: '32M' } }),
  );
  assert.equal(resized.type, 'ext4');
  const words = 'label: gpt\nsize=2M, type=uefi\ntype=linux\n';
  const partitioned: lkl.PartitionedImage = await ok(
    'partitionImage',
    lkl.partitionImage({ client, path: { name: 'made-too.disk' }, body: { script: words, size_bytes: 8388608 } }),
  );
  assert.match(partitioned.table, /^label: gpt/);
  const definitions = { '10-root.conf': '[Partition]\nType=root\nFormat=ext4\nMakeDirectories=/proc\n' };
  const wholeDisk: lkl.MadeDisk = await ok(
    'makeDiskImage',
    lkl.makeDiskImage({ client, path: { name: 'made-too.img' }, body: { definitions, size_bytes: 33554432 } }),
  );
  assert.equal(wholeDisk.size_bytes, 33554432);
  const answered: lkl.RunAnswer = await ok(
    'run',
    lkl.run({ client, body: { argv, stdin: 'on Linux:\n', disks: [{ size_bytes: 1048576 }], seed: 1 } }),
  );
  assert.equal(answered.stdout, 'on Linux:\ndata\n', answered.stderr);
  const tools: lkl.ToolList = await ok('getTools', lkl.getTools({ client }));
  assert.ok(tools.tools.some((tool) => tool.name === 'e2fsck'));

  const principal: lkl.Principal = await ok('getPrincipal', lkl.getPrincipal({ client }));
  assert.ok(principal.scopes.includes('convert'));
  const usage: lkl.Usage = await ok('getUsage', lkl.getUsage({ client }));
  assert.equal(usage.principal, principal.id);
  assert.equal(usage.quotas.sessions.limit, 16);
  const token: lkl.GivenToken = await ok(
    'createToken',
    lkl.createToken({ client, body: { name: 'ci', scopes: ['convert'] } }),
  );
  const one = { client, path: { id: token.id } };
  const tokens: lkl.TokenList = await ok('listTokens', lkl.listTokens({ client }));
  assert.ok(tokens.tokens.some((each) => each.id === token.id));
  const rotated: lkl.GivenToken = await ok('rotateToken', lkl.rotateToken(one));
  assert.notEqual(rotated.token, token.token);
  await ok('revokeToken', lkl.revokeToken(one));
  const audit: lkl.AuditPage = await ok(
    'getAudit',
    lkl.getAudit({ client, query: { limit: 10, operation: 'getImageTar' } }),
  );
  assert.equal(audit.entries[0]?.image, path.name);
  assert.match(await ok('getMetrics', lkl.getMetrics({ client })), /^# HELP lkl_/m);
  return answers;
}
