/** `lkl serve`: the HTTP interface on this machine. */

import { Command, InvalidArgumentError } from 'commander';
import type { ServeOptions } from './serve.ts';

const DEFAULT_PORT = 8787;

export const serveCommand = (): Command =>
  new Command('serve')
    .summary('serve the HTTP interface on this machine')
    .description(
      'Runs the Worker with its HTTP interface and pages, on loopback, in the workerd that the npm package miniflare brings: install that beside this one.',
    )
    .option('--port <port>', 'to listen on; 0 takes any that is free', port, DEFAULT_PORT)
    .option('--storage <directory>', 'keep images and sessions there (default: they end with the command)')
    .action(async (options: ServeOptions) => (await import('./serve.ts')).serve(options));

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('A port is a number up to 65535.');
}
