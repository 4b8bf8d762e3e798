/** Sites that are asked for: which questions are not seen where the person is, and the way to one. */
import type { SiteAsk } from '../ipc';
import { app } from './app.svelte';
import { router, type Tab } from './router.svelte';

/** Where the questions of the sandbox that is looked at are drawn. */
const SEEN_IN: Tab[] = ['work', 'activity'];

class Questions {
  /** The question that takes the focus once it is drawn: the person asked to see it. */
  wanted = $state.raw<Pick<SiteAsk, 'sandbox' | 'id'> | null>(null);

  /** Where a question has the focus, a terminal that opens beside it does not take it away. */
  get focused(): boolean {
    return document.activeElement?.closest('[data-question]') != null;
  }

  /** Oldest first. */
  get unseen(): SiteAsk[] {
    const { screen, sandbox, tab } = router.route;
    const here = screen === 'sandbox' && SEEN_IN.includes(tab) ? sandbox : null;
    return app.asks.filter((ask) => ask.sandbox !== here);
  }

  /** Goes to where it is answered. */
  show(ask: SiteAsk): void {
    this.wanted = { sandbox: ask.sandbox, id: ask.id };
    const { screen, sandbox, tab } = router.route;
    if (screen !== 'sandbox' || sandbox !== ask.sandbox || tab !== 'work') router.openSandbox(ask.sandbox);
  }

  /** The name of the sandbox that asks. */
  whose(ask: SiteAsk): string {
    return app.sandboxes.find((row) => row.id === ask.sandbox)?.name ?? 'A sandbox';
  }
}

export const questions = new Questions();
