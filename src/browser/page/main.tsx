/** The page's entry. */

import { render } from 'preact';
import { App } from './app.tsx';
import { startEngine } from './engine.ts';
import '@xterm/xterm/css/xterm.css';
import './page.css';

const root = document.getElementById('app');
if (root) render(<App api={startEngine()} />, root);
