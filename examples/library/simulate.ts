/** A network of Linux's own TCP in virtual time, watched as it runs: `node simulate.ts`. */

import { type SimulationRequest, simulate } from 'lkl-linux';

const request: SimulationRequest = {
  duration: '2s',
  hosts: { client: {}, server: {} },
  links: [{ endpoints: ['client', 'server'], rate: '10mbit', delay: '20ms' }],
  workloads: [{ type: 'tcp', from: 'client', to: 'server', congestion: 'bbr' }],
  samples: { interval: '250ms' },
};

const simulation = simulate(request);
for await (const { time_s, tcp } of simulation) {
  for (const { cwnd, srtt_ms } of tcp)
    console.log(`${time_s.toFixed(2)} s  cwnd ${cwnd}  rtt ${srtt_ms.toFixed(1)} ms`);
}
const { flows } = await simulation.result();
for (const { name, ...flow } of flows) console.log(name, 'goodput_bps' in flow ? flow.goodput_bps : flow);
