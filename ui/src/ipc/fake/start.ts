/**
 * The fake in a browser, steered by the address:
 * `?screen=review&theme=dark&state=large&latency=80&overlay=palette&sandbox=flour-stock&path=js/hours.js&page=disk&text=200&asks`.
 */
import type { Backend } from '../backend';
import { setBackend } from '../current';
import { router, type Overlay, type Screen, type Tab } from '../../state/router.svelte';
import { fakeBackend } from './index';
import { HOME, RYE } from './rows';

const TABS: string[] = ['work', 'review', 'conflict', 'snapshots', 'activity'] satisfies Tab[];

/** The theme and the size of the text, from the address. */
async function asAsked(backend: Backend, asked: URLSearchParams): Promise<void> {
  const [theme, text] = [asked.get('theme'), Number(asked.get('text'))];
  const settings = await backend.settings();
  await backend.saveSettings({
    ...settings,
    ...(theme === 'dark' || theme === 'light' ? { theme } : {}),
    ...(text > 0 ? { text_size: text } : {}),
  });
}

/** What a sandbox shows is never answered: for pictures of the waiting. */
function waiting(backend: Backend): Backend {
  const never = (): Promise<never> => new Promise(() => undefined);
  const names: (keyof Backend)[] = [
    'runCheck',
    'liveChanges',
    'listFolder',
    'listTerminals',
    'readFile',
    'review',
    'snapshots',
    'compare',
    'activity',
    'diskUse',
    'sitesForAll',
    'keys',
    'logIns',
    'preflight',
  ];
  return { ...backend, ...Object.fromEntries(names.map((name) => [name, never])) };
}

/** False inside the real window, which has its own backend. */
export function startFake(): boolean {
  if ('__TAURI_INTERNALS__' in window) return false;
  const asked = new URLSearchParams(location.search);
  const state = asked.get('state') ?? '';
  const { backend, world } = fakeBackend({ state, latency: Number(asked.get('latency') ?? 60) });
  void asAsked(backend, asked);
  setBackend(state.endsWith('slow') ? waiting(backend) : backend);
  // As of a program that asks at this moment: then it is known since when it waits.
  if (asked.has('asks'))
    void backend.siteAsks().then((asks) => asks.forEach((ask) => world.emit({ type: 'ask', ask })));
  // For a look from the browser's console.
  Object.assign(window, { fake: world });
  const screen = asked.get('screen');
  if (screen) {
    const isTab = TABS.includes(screen);
    const path = asked.get('path');
    router.go({
      screen: isTab ? 'sandbox' : (screen as Screen),
      sandbox: asked.get('sandbox') ?? RYE,
      ...(isTab ? { tab: screen as Tab } : {}),
      path: path ? { text: path } : null,
      page: asked.get('page'),
    });
  }
  const overlay = asked.get('overlay') as Overlay;
  if (overlay === 'hand-over') router.handOver(asked.get('project') ?? `${HOME}/Projects/invoice-tools`);
  else if (overlay) router.overlay = overlay;
  return true;
}
