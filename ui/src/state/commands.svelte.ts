/**
 * Everything that can be asked of the window by name: the palette lists it, keys run it, `?` shows the keys.
 * A feature registers its commands while it is on the screen.
 */
import { untrack } from 'svelte';
import type { IconSource } from '../components/Icon.svelte';
import { app } from './app.svelte';

export interface Command {
  id: string;
  label: string;
  /** Head in the palette and in the list of keys. */
  group: string;
  icon?: IconSource;
  /** `Mod+K`, `j`, `Shift+F6`; Mod is Ctrl, on a Mac Command. Several: any of them. */
  keys?: string[];
  /** Only in the list of keys and by key, not in the palette. */
  keysOnly?: boolean;
  /** Also while the focus is in a text field or a terminal. */
  everywhere?: boolean;
  enabled?: () => boolean;
  run: () => void;
}

class Commands {
  #sets = $state.raw<Command[][]>([]);

  get all(): Command[] {
    return this.#sets.flat();
  }

  /** Call in an effect and return what it returns. */
  register(commands: Command[]): () => void {
    // Read without being tracked: else the effect that registers would wake itself.
    this.#sets = [...untrack(() => this.#sets), commands];
    return () => (this.#sets = untrack(() => this.#sets).filter((set) => set !== commands));
  }

  /** Runs what the key belongs to; the newest registration wins. */
  key(event: KeyboardEvent): boolean {
    const typing = isTyping(event.target);
    if (inTerminal(event.target) && belongsToTerminal(event)) return false;
    for (const set of [...this.#sets].reverse()) {
      for (const command of set) {
        if (typing && !command.everywhere) continue;
        if (!command.keys?.some((keys) => matches(event, keys))) continue;
        if (isSingle(event) && app.settings?.single_keys === false) continue;
        if (command.enabled && !command.enabled()) {
          // Else it would press the button that has the focus.
          if (event.key === 'Enter' && !isPlain(event)) event.preventDefault();
          continue;
        }
        event.preventDefault();
        event.stopPropagation();
        command.run();
        return true;
      }
    }
    return false;
  }
}

export const commands = new Commands();

/** Whether an event is what `Mod+Shift+K` says. */
export function matches(event: KeyboardEvent, keys: string, mac: boolean = app.mac): boolean {
  const parts = keys.split('+');
  const key = parts.at(-1) || '+';
  const wants = (name: string): boolean => parts.slice(0, -1).includes(name);
  const ctrl = wants('Ctrl') || (!mac && wants('Mod'));
  const meta = mac && wants('Mod');
  if (event.ctrlKey !== ctrl || event.metaKey !== meta || event.altKey !== wants('Alt')) return false;
  // A sign such as `?` already holds its Shift.
  const shifted = key.length > 1 || /[a-z]/i.test(key);
  if (shifted && event.shiftKey !== wants('Shift')) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}

/** How a key combination is written on this computer. */
export function keyText(keys: string, mac: boolean = app.mac): string {
  const named: Record<string, string> = {
    ArrowUp: '↑',
    ArrowDown: '↓',
    ArrowLeft: '←',
    ArrowRight: '→',
    Escape: 'Esc',
  };
  return keys
    .split('+')
    .map((part) => (part === 'Mod' ? (mac ? '⌘' : 'Ctrl') : part === 'Shift' && mac ? '⇧' : (named[part] ?? part)))
    .join(mac ? '' : '+');
}

function isSingle(event: KeyboardEvent): boolean {
  return event.key.length === 1 && isPlain(event);
}

function isPlain(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

function inTerminal(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('.xterm') !== null;
}

/** A program in the terminal may want it: everything but function keys, Ctrl+Shift and a Mac's Command. */
function belongsToTerminal(event: KeyboardEvent): boolean {
  if (event.metaKey || (event.ctrlKey && event.shiftKey)) return false;
  return event.key !== 'F6';
}
