/** Where the window is: one screen, perhaps one thing open above it. */
import type { WirePath } from '../ipc';

export type Tab = 'work' | 'review' | 'conflict' | 'snapshots' | 'activity';
export type Screen = 'loading' | 'first-start' | 'empty' | 'sandbox' | 'settings';
export type Overlay = 'palette' | 'shortcuts' | 'hand-over' | 'network' | 'data-folder' | null;

interface Route {
  screen: Screen;
  /** The sandbox that is looked at; stays while settings are open. */
  sandbox: string | null;
  tab: Tab;
  /** The file that the review, the conflict or the viewer is asked to show. */
  path: WirePath | null;
  /** A page of the settings. */
  page: string | null;
  /** Review: capture anew when it opens. */
  fresh: boolean;
  /** Snapshots: the one to show; of the activity list's *Show*. */
  snapshot: string | null;
  /** Snapshots: ask for a name of that one. */
  naming: boolean;
}

class Router {
  route = $state<Route>({
    screen: 'loading',
    sandbox: null,
    tab: 'work',
    path: null,
    page: null,
    fresh: false,
    snapshot: null,
    naming: false,
  });
  overlay = $state<Overlay>(null);
  /** The folder that the hand-over sheet is about. */
  project = $state<string | null>(null);
  #before: Route | null = null;

  go(to: Partial<Route>): void {
    this.#before = { ...this.route };
    this.route = { ...this.route, path: null, fresh: false, snapshot: null, naming: false, ...to };
  }

  openSandbox(sandbox: string, tab: Tab = 'work'): void {
    this.go({ screen: 'sandbox', sandbox, tab });
  }

  openTab(tab: Tab, more: Partial<Route> = {}): void {
    this.go({ screen: 'sandbox', tab, ...more });
  }

  openSettings(page: string | null = null): void {
    this.go({ screen: 'settings', page });
  }

  /** To where one was before; of the settings' *Back*. */
  back(): void {
    if (this.#before) this.route = this.#before;
    this.#before = null;
  }

  handOver(project: string): void {
    this.project = project;
    this.overlay = 'hand-over';
  }

  closeOverlay(): void {
    this.overlay = null;
    this.project = null;
  }
}

export const router = new Router();
