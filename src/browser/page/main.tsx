/** The page's entry. */

import { render } from 'preact';
import { App } from './app.tsx';
import { startEngine } from './engine.ts';
import './page.css';

const root = document.getElementById('app');
if (root) render(<App api={startEngine()} />, root);
