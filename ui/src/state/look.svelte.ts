/** Theme, text size and motion of the whole page, from the settings and the system. */
import { app } from './app.svelte';

class Look {
  /** What is drawn now, after `system` was asked. */
  theme = $state<'light' | 'dark'>('light');
}

export const look = new Look();

/** In percent. Chromium does not look at widths in rem again by itself when the root's font grows. */
function setTextSize(percent: number): void {
  const { body, documentElement: root } = document;
  if (root.style.fontSize === `${percent}%`) return;
  root.style.fontSize = `${percent}%`;
  body.style.containerType = 'normal';
  void body.offsetWidth;
  body.style.removeProperty('container-type');
}

/** Call in an effect; returns how to stop following the system. */
export function followLook(): () => void {
  const settings = app.settings;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const apply = (): void => {
    const theme = settings?.theme ?? 'system';
    look.theme = theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme;
    root.dataset.theme = look.theme;
  };
  apply();
  setTextSize(settings?.text_size ?? 100);
  root.dataset.reduceMotion = String(settings?.reduce_motion ?? false);
  dark.addEventListener('change', apply);
  return () => dark.removeEventListener('change', apply);
}
