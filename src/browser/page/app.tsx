/** The page: two tabs over one engine. */

import { useEffect, useState } from 'preact/hooks';
import { messageOf, type RemoteApi } from './engine.ts';
import { ImageTab } from './image-tab.tsx';
import { NetworkTab } from './network-tab.tsx';

const tabs = ['image', 'network'] as const;
type Tab = (typeof tabs)[number];

const tabOf = (hash: string): Tab => tabs.find((tab) => hash === `#${tab}`) ?? 'image';

export function App({ api }: { readonly api: RemoteApi }) {
  const [tab, setTab] = useState(tabOf(location.hash));
  const [state, setState] = useState<'starting' | 'ready' | { readonly error: string }>('starting');

  useEffect(() => {
    const follow = () => setTab(tabOf(location.hash));
    addEventListener('hashchange', follow);
    follow(); // it may have changed between the first drawing and now
    api.ready().then(
      () => setState('ready'),
      (cause: unknown) => setState({ error: messageOf(cause) }),
    );
    return () => removeEventListener('hashchange', follow);
  }, [api]);

  return (
    <>
      <header>
        <h1>lkl</h1>
        <nav>
          {tabs.map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === tab ? 'page' : undefined}>
              {name === 'image' ? 'Disk image' : 'Network'}
            </a>
          ))}
          <a href="/docs">API</a>
        </nav>
        <span class={typeof state === 'object' ? 'bad' : 'soft'} role="status">
          {typeof state === 'object'
            ? `The kernel did not start: ${state.error}`
            : state === 'ready'
              ? 'Linux 6.12 runs in this page'
              : 'Linux is being loaded …'}
        </span>
      </header>
      <main>{tab === 'image' ? <ImageTab api={api} /> : <NetworkTab api={api} />}</main>
    </>
  );
}
