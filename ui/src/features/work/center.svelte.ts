/** The tabs in the middle: the sandbox's terminals and the files that were opened. */
import { SvelteMap } from 'svelte/reactivity';
import type { TerminalRow, WirePath } from '../../ipc';
import { app } from '../../state/app.svelte';
import { pathKey } from '../../words/path';

export type CenterTab =
  { kind: 'terminal'; key: string; terminal: TerminalRow } | { kind: 'file'; key: string; path: WirePath };

interface Memory {
  files: WirePath[];
  active: string | null;
}

/** By sandbox; lives as long as the window, so that a sandbox is found as it was left. */
const memories = new SvelteMap<string, Memory>();

export function terminalKey(id: number): string {
  return `t${id}`;
}

export function fileKey(path: WirePath): string {
  return `f${pathKey(path)}`;
}

export class Center {
  readonly sandbox: string;

  constructor(sandbox: string) {
    this.sandbox = sandbox;
  }

  get terminals(): TerminalRow[] {
    return app.terminals.get(this.sandbox) ?? [];
  }

  get tabs(): CenterTab[] {
    return [
      ...this.terminals.map((terminal) => ({ kind: 'terminal' as const, key: terminalKey(terminal.id), terminal })),
      ...this.#memory.files.map((path) => ({ kind: 'file' as const, key: fileKey(path), path })),
    ];
  }

  /** The tab in front; the first where the one in front was closed. */
  get active(): CenterTab | null {
    const tabs = this.tabs;
    return tabs.find((tab) => tab.key === this.#memory.active) ?? tabs[0] ?? null;
  }

  show(key: string): void {
    this.#remember({ active: key });
  }

  openFile(path: WirePath): void {
    const key = fileKey(path);
    const files = this.#memory.files.some((file) => fileKey(file) === key)
      ? this.#memory.files
      : [...this.#memory.files, path];
    this.#remember({ files, active: key });
  }

  closeFile(key: string): void {
    const tabs = this.tabs;
    const at = tabs.findIndex((tab) => tab.key === key);
    const beside = tabs[at + 1] ?? tabs[at - 1];
    const active = this.active?.key === key ? (beside?.key ?? null) : this.#memory.active;
    this.#remember({ files: this.#memory.files.filter((file) => fileKey(file) !== key), active });
  }

  get #memory(): Memory {
    return memories.get(this.sandbox) ?? { files: [], active: null };
  }

  #remember(change: Partial<Memory>): void {
    memories.set(this.sandbox, { ...this.#memory, ...change });
  }
}
