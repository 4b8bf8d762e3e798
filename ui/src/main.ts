/** Starts the window: picks the backend, then draws. */
import { mount } from 'svelte';
import App from './App.svelte';
import { setBackend } from './ipc/current';
import './styles/tokens.css';
import './styles/base.css';

async function start(): Promise<void> {
  // The fake is in the page only where it is wanted: the development server and the build for the pictures.
  if (import.meta.env.DEV || import.meta.env.MODE === 'fake') {
    const { startFake } = await import('./ipc/fake/start');
    if (startFake()) return draw();
  }
  const { tauriBackend } = await import('./ipc/tauri');
  setBackend(tauriBackend());
  draw();
}

function draw(): void {
  const target = document.getElementById('app');
  if (!target) throw new Error('no #app in the page');
  mount(App, { target });
}

void start();
