/** What the Worker's tests see of it: its bindings and its default export. */

declare namespace Cloudflare {
  interface Env extends Readonly<import('./src/env.ts').Bindings> {}
  interface GlobalProps {
    mainModule: typeof import('./src/index.ts');
  }
}
