/** What is true of the whole app: the engine, the image, the settings, and the sandboxes with their terminals. */
import { SvelteMap } from 'svelte/reactivity';
import type {
  AgentCard,
  AppInfo,
  EngineState,
  Event,
  ImageState,
  Numbered,
  ProgressReport,
  SandboxRow,
  Settings,
  SiteAsk,
  TerminalRow,
} from '../ipc';
import type { Stop } from '../ipc';
import { backend } from '../ipc/current';
import { router } from './router.svelte';
import { toasts } from './toasts.svelte';
import { topics } from './topics.svelte';

const LOG_LINES = 500;

class App {
  info = $state<AppInfo | null>(null);
  engine = $state<EngineState>({ state: 'connecting' });
  /** The engine that ran last, by name; to say which one stopped. */
  product = $state<string | null>(null);
  image = $state<ImageState>({ state: 'missing' });
  imageLog = $state<string[]>([]);
  settings = $state<Settings | null>(null);
  agents = $state<AgentCard[]>([]);
  sandboxes = $state<SandboxRow[]>([]);
  /** The last report of each operation that runs. */
  progress = new SvelteMap<string, ProgressReport>();
  /** By sandbox; absent until they were listed. */
  terminals = new SvelteMap<string, TerminalRow[]>();
  /** Sites that sandboxes ask for, oldest first. */
  asks = $state<SiteAsk[]>([]);
  /** What failed before the window had anything to show. */
  failure = $state<unknown>(null);

  /** `told`: it came as news, so it is known since when it waits. */
  #asked = new Map<string, { at: number; told: boolean }>();
  #justMade = new Set<string>();
  #seq: number | null = null;
  #stop: Stop | null = null;
  #listeners = new Set<(event: Event) => void>();

  /** The sandbox that is looked at. */
  get current(): SandboxRow | null {
    return this.sandboxes.find((row) => row.id === router.route.sandbox) ?? null;
  }

  get home(): string {
    return this.info?.home ?? '';
  }

  get mac(): boolean {
    return this.info?.platform === 'macos';
  }

  async load(): Promise<void> {
    this.failure = null;
    try {
      this.#stop?.();
      this.#seq = null;
      // First listen, then read: what changes in between comes as an event after.
      this.#stop = await backend().subscribe((event) => this.#receive(event));
      await this.#readAll();
    } catch (cause) {
      this.failure = cause;
    }
  }

  /** Hears every event after the app's own state took it; returns how to stop. */
  listen(listener: (event: Event) => void): Stop {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async saveSettings(settings: Settings): Promise<void> {
    const before = this.settings;
    this.settings = settings;
    try {
      this.settings = await backend().saveSettings(settings);
    } catch (cause) {
      this.settings = before;
      toasts.failed(cause);
    }
  }

  setEngine(engine: EngineState): void {
    this.engine = engine;
    if (engine.state === 'running') this.product = engine.product;
  }

  setSandbox(row: SandboxRow): void {
    const at = this.sandboxes.findIndex((other) => other.id === row.id);
    if (at < 0) this.sandboxes = [row, ...this.sandboxes];
    else this.sandboxes[at] = row;
  }

  /** It was made here: its agent starts by itself when it is first looked at, however long the making took. */
  made(row: SandboxRow): void {
    this.#justMade.add(row.id);
  }

  /** Whether its agent is to start by itself; asked once. */
  takeJustMade(sandbox: string): boolean {
    return this.#justMade.delete(sandbox);
  }

  setTerminal(sandbox: string, terminal: TerminalRow): void {
    const rows = this.terminals.get(sandbox) ?? [];
    const at = rows.findIndex((row) => row.id === terminal.id);
    this.terminals.set(sandbox, at < 0 ? [...rows, terminal] : rows.with(at, terminal));
  }

  dropTerminal(sandbox: string, terminal: number): void {
    const rows = this.terminals.get(sandbox);
    if (rows)
      this.terminals.set(
        sandbox,
        rows.filter((row) => row.id !== terminal),
      );
  }

  /** When the question was first seen here. */
  askedAt(ask: SiteAsk): number {
    return this.#asked.get(askKey(ask.sandbox, ask.id))?.at ?? Date.now();
  }

  /** Seconds until its first connection gives up; null where that is not known, or others wait for it still. */
  secondsLeft(ask: SiteAsk, now: number): number | null {
    const asked = this.#asked.get(askKey(ask.sandbox, ask.id));
    if (!asked?.told) return null;
    const left = Math.ceil(ask.patience - (now - asked.at) / 1000);
    return left > 0 ? Math.min(left, ask.patience) : null;
  }

  #setAsks(asks: SiteAsk[], told: SiteAsk | null = null): void {
    const before = this.#asked;
    this.#asked = new Map(
      asks.map((ask) => {
        const key = askKey(ask.sandbox, ask.id);
        return [key, before.get(key) ?? { at: Date.now(), told: ask === told }];
      }),
    );
    this.asks = asks;
  }

  async readTerminals(sandbox: string): Promise<void> {
    this.terminals.set(sandbox, await backend().listTerminals(sandbox));
  }

  async readAgents(): Promise<void> {
    this.agents = await backend().agents();
  }

  async #readAll(): Promise<void> {
    const b = backend();
    const [info, image, settings, sandboxes, asks] = await Promise.all([
      b.appInfo(),
      b.imageState(),
      b.settings(),
      b.listSandboxes(),
      b.siteAsks(),
    ]);
    this.info = info;
    this.setEngine(info.engine);
    this.image = image;
    this.settings = settings;
    this.sandboxes = sandboxes;
    this.#setAsks(asks);
    void this.readAgents().catch((cause: unknown) => toasts.failed(cause));
    for (const sandbox of this.terminals.keys()) void this.readTerminals(sandbox).catch(() => undefined);
  }

  #receive({ seq, event }: Numbered): void {
    const gap = this.#seq !== null && seq !== this.#seq + 1;
    this.#seq = seq;
    this.#take(event);
    topics.apply(event);
    for (const listener of this.#listeners) listener(event);
    if (gap) {
      topics.touchAll();
      void this.#readAll().catch((cause: unknown) => toasts.failed(cause));
    }
  }

  #take(event: Event): void {
    switch (event.type) {
      case 'engine':
        this.setEngine(event.state);
        break;
      case 'image':
        this.image = event.state;
        break;
      case 'image_log':
        this.imageLog = [...this.imageLog, event.line].slice(-LOG_LINES);
        break;
      case 'sandbox':
        this.setSandbox(event.row);
        break;
      case 'sandbox_removed':
        this.sandboxes = this.sandboxes.filter((row) => row.id !== event.sandbox);
        this.terminals.delete(event.sandbox);
        break;
      case 'progress':
        this.progress.set(event.report.operation, event.report);
        break;
      case 'terminal':
        this.setTerminal(event.sandbox, event.terminal);
        break;
      case 'terminal_closed':
        this.dropTerminal(event.sandbox, event.terminal);
        break;
      case 'ask':
        this.#setAsks(
          [...this.asks.filter((ask) => ask.sandbox !== event.ask.sandbox || ask.id !== event.ask.id), event.ask],
          event.ask,
        );
        break;
      case 'ask_ended':
        this.#setAsks(this.asks.filter((ask) => ask.sandbox !== event.sandbox || ask.id !== event.ask));
        break;
      case 'settings':
        this.settings = event.settings;
        break;
      case 'workspace':
      case 'activity':
      case 'snapshots':
      case 'review':
      case 'ports':
        break;
    }
  }
}

export const app = new App();

function askKey(sandbox: string, ask: number): string {
  return `${sandbox} ${ask}`;
}

/** A fresh name for a long operation; its progress is under it in `app.progress`. */
export function newOperation(): string {
  return crypto.randomUUID();
}
