/** A shell with the image mounted, in a terminal. It is loaded when somebody asks for it. */

import { FitAddon } from '@xterm/addon-fit';
import { Terminal as Screen } from '@xterm/xterm';
import { proxy } from 'comlink';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf, type RemoteExplorer, type RemoteShell } from './engine.ts';
import { saveAs } from './save.ts';
import { shownBytes } from './text.ts';
import type { VolumeChoice } from './volumes.ts';

export interface TerminalProps {
  readonly explorer: RemoteExplorer;
  readonly volume: VolumeChoice;
  readonly image: string;
  readonly close: () => void;
}

const NARROW = 600;

type State = 'starting' | 'running' | { readonly ended: string; readonly isChanged: boolean };

/** As the page is now, by its own colours. */
function themeOf(element: HTMLElement) {
  const { color, backgroundColor } = getComputedStyle(element);
  return { background: backgroundColor, foreground: color, cursor: color, selectionBackground: '#7fb0ff66' };
}

export function Terminal({ explorer, volume, image, close }: TerminalProps) {
  const place = useRef<HTMLDivElement>(null);
  const shell = useRef<RemoteShell>(undefined);
  const [state, setState] = useState<State>('starting');
  const [note, setNote] = useState<string>();

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const screen = new Screen({
      theme: themeOf(element),
      fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
      // On a phone eighty columns are not to be had, but some fifty are.
      fontSize: innerWidth < NARROW ? 11 : 14,
      cursorBlink: true,
      scrollback: 10_000,
    });
    const fit = new FitAddon();
    screen.loadAddon(fit);
    screen.open(element);
    fit.fit();
    screen.focus();
    const follow = () => {
      screen.options.theme = themeOf(element);
    };
    dark.addEventListener('change', follow);
    const sizes = new ResizeObserver(() => fit.fit());
    sizes.observe(element);
    let isOpen = true;
    const start = async () => {
      const one = await explorer.shell();
      shell.current = one;
      if (!isOpen) return one.end();
      screen.onData((text) => void one.type(text));
      screen.onResize(({ cols, rows }) => void one.resize({ columns: cols, rows }));
      setState('running');
      const size = { columns: screen.cols, rows: screen.rows };
      // The shell waits until what it said is on the screen.
      const shown = proxy((bytes: Uint8Array) => new Promise<void>((resolve) => screen.write(bytes, resolve)));
      const { exitCode, signal } = await one.run({ type: volume.type ?? '', partition: volume.partition, size }, shown);
      const how = signal === undefined ? `ended with ${exitCode}` : `was ended by signal ${signal}`;
      if (isOpen) setState({ ended: `The shell ${how}.`, isChanged: await one.isChanged });
    };
    start().catch((cause: unknown) => {
      if (isOpen) setState({ ended: messageOf(cause), isChanged: false });
    });
    return () => {
      isOpen = false;
      dark.removeEventListener('change', follow);
      sizes.disconnect();
      screen.dispose();
      void shell.current?.end();
    };
  }, []);

  const save = async () => {
    try {
      const saved = await saveAs(
        image,
        async (take) => shell.current?.save(take),
        (bytes) => setNote(`${shownBytes(bytes)} …`),
      );
      setNote(saved && 'Saved.');
    } catch (cause) {
      setNote(messageOf(cause));
    }
  };

  return (
    <section class="terminal" aria-label="Shell">
      <div ref={place} class="screen" />
      <p>
        <button type="button" onClick={close}>
          Close the shell
        </button>{' '}
        {typeof state === 'object' && state.isChanged && (
          <button type="button" onClick={() => void save()}>
            Save the changed image
          </button>
        )}{' '}
        <span class="soft" role="status">
          {note ??
            (typeof state === 'object'
              ? state.ended
              : state === 'starting'
                ? 'Starting …'
                : 'What is written stays in this page; exit, and it can be saved. A .wasm that is dropped here is a program.')}
        </span>
      </p>
    </section>
  );
}
