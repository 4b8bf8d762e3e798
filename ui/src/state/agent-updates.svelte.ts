/** Updates of agents. They go on wherever one is in the window; of an agent there is one at a time. */
import { SvelteMap } from 'svelte/reactivity';
import type { AgentCard } from '../ipc';
import { backend } from '../ipc/current';
import { asWireError } from '../words/errors';
import { app, newOperation } from './app.svelte';
import { toasts } from './toasts.svelte';

interface Update {
  operation: string;
  cancelling: boolean;
}

class AgentUpdates {
  #going = new SvelteMap<string, Update>();

  /** What is being done, in words; null while nothing is. */
  phase(agent: string): string | null {
    const update = this.#going.get(agent);
    if (!update) return null;
    if (update.cancelling) return 'Cancelling…';
    return app.image.state === 'preparing' ? app.image.phase : 'Asking for the newest version';
  }

  cancelling(agent: string): boolean {
    return this.#going.get(agent)?.cancelling ?? false;
  }

  async start({ id, name, version: before }: AgentCard): Promise<void> {
    if (this.#going.has(id)) return;
    const operation = newOperation();
    this.#going.set(id, { operation, cancelling: false });
    try {
      app.agents = await backend().updateAgent(id, operation);
      const now = app.agents.find((agent) => agent.id === id)?.version ?? null;
      toasts.show(
        now === before
          ? `${name} ${now ?? ''} is the newest there is`
          : `${name} ${now ?? ''} is installed. Sandboxes get it when they start the next time`,
      );
    } catch (cause) {
      if (asWireError(cause).code !== 'cancelled') toasts.failed(cause);
    } finally {
      this.#going.delete(id);
    }
  }

  async cancel(agent: string): Promise<void> {
    const update = this.#going.get(agent);
    if (!update || update.cancelling) return;
    this.#going.set(agent, { ...update, cancelling: true });
    await backend()
      .cancelOperation(update.operation)
      .catch(() => undefined);
  }
}

export const agentUpdates = new AgentUpdates();
