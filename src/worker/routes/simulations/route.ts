/** POST /v1/simulations: a network in, measurements and captures out; and a sweep: many networks in, a table out. */

import { createRoute } from '@hono/zod-openapi';
import { query, simulation, simulationAnswer, simulationForm } from '../../../api/simulations/schema.ts';
import { sweepAnswer, sweepQuery, sweepRequest } from '../../../api/simulations/sweep-schema.ts';
import { binary } from '../bodies/body.ts';
import { problemResponses } from '../problem.ts';

export const postSimulations = createRoute({
  method: 'post',
  path: '/v1/simulations',
  operationId: 'postSimulations',
  summary: 'Run a network of Linux stacks in virtual time',
  description:
    'Hosts, links and switches are namespaces, cables and qdiscs of one kernel, which is thrown away afterwards. The same request and seed are answered by the same bytes, but for `wall_s`. `Accept` chooses what is answered; one that names nothing offered here is answered as JSON. What is streamed waits for its reader, virtual time too: captures may be of any size.',
  tags: ['simulations'],
  request: { query, body: { required: true, content: { 'application/json': { schema: simulation } } } },
  responses: {
    200: {
      description: 'It ran. A workload that Linux refused something says so in its `error`.',
      content: {
        'application/json': { schema: simulationAnswer },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description:
              'While it runs: a line `{"sample": …}` for each sample (without any, `{"progress": {"time_s": …}}` about a hundred times), with pcap=inline `{"capture": index, "pcapng": base64}` for each piece of a capture, and at the end `{"end": …}`, the answer without those. One that fails midway has `{"problem": …}` as its last line.',
          },
        },
        'multipart/form-data': {
          schema: simulationForm,
        },
        'application/x-pcapng': binary,
        'text/html': {
          schema: {
            type: 'string',
            description:
              'A page with charts of delivery rates, round-trip times, windows and queues, tables, and the final state. It is one file that fetches nothing. Without an interval of samples some hundreds are taken.',
          },
        },
      },
    },
    ...problemResponses(400, 413, 422),
  },
});

export const postSweeps = createRoute({
  method: 'post',
  path: '/v1/simulations/sweep',
  operationId: 'postSimulationSweep',
  summary: 'Run a network once for each combination of values',
  description:
    'All of them are looked at before the first one starts; then they run one after another, each in a kernel of its own. As lines each is sent when it has run.',
  tags: ['simulations'],
  request: { query: sweepQuery, body: { required: true, content: { 'application/json': { schema: sweepRequest } } } },
  responses: {
    200: {
      description: 'They ran. One that failed has an `error`, and so has a workload that Linux refused something.',
      content: {
        'application/json': { schema: sweepAnswer },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description:
              'A line `{"run": …}` for each, and at the end `{"end": {"runs": n}}`. What breaks off has `{"problem": …}` as its last line.',
          },
        },
        'text/csv': {
          schema: {
            type: 'string',
            description:
              'A line of titles (the paths, flow, type, goodput_bps, latency_p50_ms, latency_p99_ms, loss, retransmits, error), and one for each flow of each run.',
          },
        },
        'text/html': {
          schema: {
            type: 'string',
            description:
              'A page with a chart of each figure along the parameter that has most values, and a table of all runs. It is one file that fetches nothing.',
          },
        },
      },
    },
    ...problemResponses(400, 413, 422),
  },
});
