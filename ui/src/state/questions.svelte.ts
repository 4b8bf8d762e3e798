/** Sites that are asked for: which questions are not seen where the person is, and the way to one. */
import type { SiteAsk } from '../ipc';
import { app } from './app.svelte';
import { router, type Tab } from './router.svelte';

/** Where the questions of the sandbox that is looked at are drawn. */
const SEEN_IN: Tab[] = ['work', 'activity'];

class Questions {
  /** The sandbox whose question takes the focus once it is drawn: the person asked to see it. */
  wanted = $state<string | null>(null);

  /** Oldest first. */
  get unseen(): SiteAsk[] {
    const { screen, sandbox, tab } = router.route;
    const here = screen === 'sandbox' && SEEN_IN.includes(tab) ? sandbox : null;
    return app.asks.filter((ask) => ask.sandbox !== here);
  }

  /** Goes to where it is answered. */
  show(ask: SiteAsk): void {
    this.wanted = ask.sandbox;
    const { screen, sandbox, tab } = router.route;
    if (screen !== 'sandbox' || sandbox !== ask.sandbox || tab !== 'work') router.openSandbox(ask.sandbox);
  }

  /** The name of the sandbox that asks. */
  whose(ask: SiteAsk): string {
    return app.sandboxes.find((row) => row.id === ask.sandbox)?.name ?? 'A sandbox';
  }
}

export const questions = new Questions();
