/** The hand-over sheet's state: what would go in, what was chosen, and the making of the sandbox. */
import { SvelteMap } from 'svelte/reactivity';
import type {
  HandOverChoices,
  KeyRow,
  Limits,
  NetworkMode,
  Preflight,
  PutIn,
  SandboxRow,
  StaysOut,
  WireError,
} from '../../ipc';
import { backend } from '../../ipc/current';
import { app, newOperation } from '../../state/app.svelte';
import { asWireError } from '../../words/errors';
import { pathKey } from '../../words/path';
import { moreKeys } from './keys';
import { type Choice, choices as environments, type Environment, USUAL, wanted } from './environment';

export interface Moved {
  entry: StaysOut;
  how: PutIn;
}

export class HandOver {
  readonly project: string;
  preflight = $state<Preflight | null>(null);
  /** The lists are being counted again after a switch was moved. */
  counting = $state(true);
  error = $state<WireError | null>(null);

  name = $state('');
  agent = $state('shell');

  command = $state('');
  network = $state<NetworkMode>('offline');
  limits = $state<Limits | null>(null);
  /** Another runtime of the engine; null: its own. */
  runtime = $state<string | null>(null);
  /** Providers whose keys it may use besides its agent's. */
  keys = $state<string[]>([]);
  keyRows = $state.raw<KeyRow[]>([]);
  environment = $state<Environment>(USUAL);
  /** Local images that could be chosen. */
  images = $state.raw<string[]>([]);
  useGitignore = $state(false);
  /** What was switched over to *goes in*, in the order of switching. */
  moved = new SvelteMap<string, Moved>();

  /** Set while the sandbox is made. */
  operation = $state<string | null>(null);
  cancelling = $state(false);

  #asked = 0;
  /** What was suggested; another value is the user's own choice and stays. */
  #memory = 0;
  #usualMemory = 0;

  constructor(project: string) {
    this.project = project;
  }

  get ready(): boolean {
    const named = this.name.trim() !== '';
    return this.preflight !== null && named && (this.agent !== 'own' || this.command.trim() !== '');
  }

  /** Its network is open, and not because the settings say so of every new one. */
  get opensWide(): boolean {
    return this.network === 'open' && this.preflight?.default_network !== 'open';
  }

  get environments(): Choice[] {
    return environments(this.preflight?.folder_images ?? [], this.images, app.settings?.image ?? null);
  }

  /** Kept keys that its agent does not use by itself; none without a network that they could be used on. */
  get moreKeys(): KeyRow[] {
    return this.network === 'offline' ? [] : moreKeys(this.keyRows, app.agents, this.agent);
  }

  get choices(): HandOverChoices {
    const put_in = [...this.moved.values()].map(({ entry, how }) => ({ path: entry.path, how }));
    return { put_in, exclude: [], use_gitignore: this.useGitignore };
  }

  /** Counts; the answer to an older question is dropped. */
  async count(): Promise<void> {
    const asked = ++this.#asked;
    this.counting = true;
    this.error = null;
    try {
      const [preflight] = await Promise.all([
        backend().preflight(this.project, $state.snapshot(this.choices)),
        app.agents.length > 0 ? undefined : app.readAgents(),
      ]);
      if (asked !== this.#asked) return;
      const first = this.preflight === null;
      if (first) this.#begin(preflight);
      this.preflight = preflight;
      if (first && this.moved.size > 0) return await this.count();
    } catch (cause) {
      if (asked === this.#asked) this.error = asWireError(cause);
    }
    if (asked === this.#asked) this.counting = false;
  }

  /** Images are a nicety: without an engine there are none to choose. */
  async lookForImages(): Promise<void> {
    this.images = await backend()
      .listImages()
      .catch(() => []);
  }

  /** Likewise keys: without the list its agent's own are used. */
  async lookForKeys(): Promise<void> {
    this.keyRows = await backend()
      .keys()
      .then(({ rows }) => rows)
      .catch(() => []);
  }

  putIn(entry: StaysOut, how: PutIn): void {
    const key = pathKey(entry.path);
    if (how === 'leave_out') this.moved.delete(key);
    else this.moved.set(key, { entry, how });
    void this.count();
  }

  /** Makes the sandbox; null when it failed or was cancelled. */
  async start(): Promise<SandboxRow | null> {
    if (!this.limits || this.operation !== null) return null;
    const operation = newOperation();
    this.operation = operation;
    this.cancelling = false;
    this.error = null;
    try {
      const made = await backend().createSandbox({
        operation,
        project: this.project,
        name: this.name.trim(),
        choices: $state.snapshot(this.choices),
        agent: this.agent,
        command: this.agent === 'own' ? this.command.trim() : null,
        network: this.network,
        limits: $state.snapshot(this.limits),
        runtime: this.runtime,
        keys: this.moreKeys.map(({ provider }) => provider).filter((provider) => this.keys.includes(provider)),
        ...wanted(this.environment, app.settings?.image ?? null),
      });
      app.made(made);
      return made;
    } catch (cause) {
      const error = asWireError(cause);
      if (error.code !== 'cancelled') this.error = error;
      return null;
    } finally {
      this.operation = null;
      app.progress.delete(operation);
    }
  }

  async cancel(): Promise<void> {
    if (this.operation === null) return;
    this.cancelling = true;
    await backend()
      .cancelOperation(this.operation)
      .catch(() => undefined);
  }

  /** An agent that is of no use offline is not left there; back to one that is, nor is the way out left open. */
  agentChosen(): void {
    const online = app.agents.find((agent) => agent.id === this.agent)?.needs_network ?? false;
    if (online && this.network === 'offline') this.network = 'approved';
    else if (!online && this.network === 'approved') this.network = this.preflight?.default_network ?? 'offline';
    this.#suggestMemory();
  }

  /** As the engine does: at least what the agent works in, unless something else was chosen. */
  #suggestMemory(): void {
    if (!this.limits || this.limits.memory !== this.#memory) return;
    const least = app.agents.find((agent) => agent.id === this.agent)?.memory ?? 0;
    this.#memory = Math.max(this.#usualMemory, least);
    this.limits.memory = this.#memory;
  }

  #begin(preflight: Preflight): void {
    this.name = preflight.suggested_name;
    this.network = preflight.default_network;
    this.limits = { ...preflight.default_limits };
    this.#memory = this.#usualMemory = preflight.default_limits.memory;
    const wanted = app.agents.find((agent) => agent.id === preflight.default_agent);
    this.agent = wanted?.available ? wanted.id : 'shell';
    this.agentChosen();
    // What was answered for this folder before is not asked again.
    for (const { path, how } of preflight.remembered) {
      const entry = preflight.stays_out.find((one) => pathKey(one.path) === pathKey(path));
      if (entry) this.moved.set(pathKey(path), { entry, how });
    }
  }
}
