/** The tabs in the middle: the sandbox's terminals and the files that were opened. */
import type { TerminalRow, WirePath } from '../../ipc';
import { app } from '../../state/app.svelte';
import { Remembered } from '../../state/remembered.svelte';
import { pathKey } from '../../words/path';

export type CenterTab =
  { kind: 'terminal'; key: string; terminal: TerminalRow } | { kind: 'file'; key: string; path: WirePath };

interface Memory {
  files: WirePath[];
  active: string | null;
}

/** So many sandboxes are remembered; the one left longest ago goes first. */
const KEPT = 50;

/** By sandbox, so that each is found as it was left, also by the next window. */
const memories = new Remembered<Record<string, Memory>>('center-tabs', {});

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
    return memories.value[this.sandbox] ?? { files: [], active: null };
  }

  #remember(change: Partial<Memory>): void {
    const { [this.sandbox]: mine, ...others } = memories.value;
    const kept = Object.entries(others).slice(1 - KEPT);
    memories.value = { ...Object.fromEntries(kept), [this.sandbox]: { files: [], active: null, ...mine, ...change } };
  }
}
