/** Starts the window: picks the backend, then draws. */
import { mount } from 'svelte';
import App from './App.svelte';
import { setBackend } from './ipc/current';
import './styles/tokens.css';
import './styles/fonts.css';
import './styles/base.css';

async function start(): Promise<void> {
  await fonts();
  // The fake is in the page only where it is wanted: the development server and the build for the pictures.
  if (import.meta.env.DEV || import.meta.env.MODE === 'fake') {
    const { startFake } = await import('./ipc/fake/start');
    if (startFake()) return draw();
  }
  const { tauriBackend } = await import('./ipc/tauri');
  setBackend(tauriBackend());
  draw();
}

/** The terminal measures its letters once, so they must be there before. A local file, read in a moment. */
async function fonts(): Promise<void> {
  const faces = ['400 12px "JetBrains Mono"', '600 12px "JetBrains Mono"'];
  await Promise.all(faces.map((face) => document.fonts.load(face))).catch(() => undefined);
}

function draw(): void {
  const target = document.getElementById('app');
  if (!target) throw new Error('no #app in the page');
  mount(App, { target });
}

void start();
