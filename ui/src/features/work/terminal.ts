/** One terminal on the screen: xterm.js, the bytes of the backend, and what may pass between them and the computer. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import type { Stop } from '../../ipc';
import { backend } from '../../ipc/current';
import { asWireError } from '../../words/errors';
import { terminalTheme } from './terminal-theme';
import { Typing } from './typing';

const SCROLLBACK = 10_000;

export interface TerminalOptions {
  sandbox: string;
  terminal: number;
  fontSize: number;
  copyOnSelect: boolean;
  mac: boolean;
  /** A link was clicked; the target is not opened yet. */
  onlink: (url: string) => void;
  /** A paste of several lines into a program that does not ask for it in one piece. */
  onfailure: (cause: unknown) => void;
  /** Ctrl+F and the like. */
  onsearch: () => void;
}

/**
 * Takes from programs what reaches beyond drawing: the font and the clipboard, the window and its title, and settings
 * asked for by a string. Most of it xterm does not do today, or only with an option; none is left to that.
 */
function refuse({ parser }: Terminal): void {
  for (const command of [50, 52]) parser.registerOscHandler(command, () => true);
  parser.registerCsiHandler({ final: 't' }, () => true);
  parser.registerDcsHandler({ intermediates: '$', final: 'q' }, () => true);
}

export class TerminalScreen {
  readonly xterm: Terminal;
  readonly search = new SearchAddon();
  #fit = new FitAddon();
  #options: TerminalOptions;
  #typing: Typing;
  #stop: Stop | null = null;
  #ended = false;
  #observer: ResizeObserver | null = null;
  #size = '';

  constructor(options: TerminalOptions) {
    this.#options = options;
    const { sandbox, terminal, onfailure } = options;
    this.#typing = new Typing((bytes) => backend().terminalInput(sandbox, terminal, bytes), onfailure);
    this.xterm = new Terminal({
      // The unicode addon needs it.
      allowProposedApi: true,
      scrollback: SCROLLBACK,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono'),
      fontSize: options.fontSize,
      // Anything above 1 tears the boxes that agents and full-screen programs draw.
      lineHeight: 1,
      fontWeightBold: '600',
      cursorBlink: false,
      cursorInactiveStyle: 'outline',
      minimumContrastRatio: 4.5,
      screenReaderMode: false,
      macOptionIsMeta: false,
      theme: terminalTheme(),
      // A link whose text names another place than its target: always shown before it is followed.
      linkHandler: { activate: (_event, url) => options.onlink(url), allowNonHttpProtocols: false },
    });
    this.xterm.loadAddon(this.#fit);
    this.xterm.loadAddon(this.search);
    this.xterm.loadAddon(new Unicode11Addon());
    this.xterm.loadAddon(new WebLinksAddon((_event, url) => options.onlink(url)));
    this.xterm.unicode.activeVersion = '11';
    this.xterm.attachCustomKeyEventHandler((event) => this.#key(event));
    refuse(this.xterm);
  }

  /** Draws into the element, then shows what the terminal holds and what comes. */
  async open(element: HTMLElement): Promise<void> {
    this.xterm.open(element);
    this.xterm.textarea?.setAttribute('data-panel-focus', '');
    this.fit();
    this.#observer = new ResizeObserver(() => this.fit());
    this.#observer.observe(element);
    this.xterm.onData((text) => this.send(text));
    this.xterm.onBinary((text) => this.#input(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    this.xterm.onSelectionChange(() => {
      if (this.#options.copyOnSelect) void this.#copy();
    });
    const { sandbox, terminal } = this.#options;
    const stop = await backend().attachTerminal(sandbox, terminal, (chunk, done) => this.xterm.write(chunk, done));
    if (this.#ended) stop();
    else this.#stop = stop;
  }

  end(): void {
    this.#ended = true;
    this.#observer?.disconnect();
    this.#stop?.();
    this.xterm.dispose();
  }

  /** As many columns and rows as there is place for; the program is told. */
  fit(): void {
    const element = this.xterm.element?.parentElement;
    if (!element || element.clientWidth === 0 || element.clientHeight === 0) return;
    this.#fit.fit();
    const { cols, rows } = this.xterm;
    const size = `${cols}x${rows}`;
    if (size === this.#size) return;
    this.#size = size;
    const { sandbox, terminal } = this.#options;
    // A program that has ended has no size to set.
    backend()
      .resizeTerminal(sandbox, terminal, cols, rows)
      .catch(() => undefined);
  }

  setLook(fontSize: number, copyOnSelect: boolean): void {
    this.#options = { ...this.#options, copyOnSelect };
    this.xterm.options.theme = terminalTheme();
    if (this.xterm.options.fontSize !== fontSize) {
      this.xterm.options.fontSize = fontSize;
      this.fit();
    }
  }

  send(text: string): void {
    this.#input(new TextEncoder().encode(text));
  }

  /** Text from outside; bracketed where the program asked for that, so that no line of it runs by itself. */
  paste(text: string): void {
    this.xterm.paste(text);
    this.xterm.focus();
  }

  #input(bytes: Uint8Array): void {
    this.#typing.type(bytes);
  }

  async #copy(): Promise<void> {
    const text = this.xterm.getSelection();
    if (text) await backend().copyText(text).catch(this.#options.onfailure);
  }

  async #pasteFromClipboard(): Promise<void> {
    try {
      const text = await backend().readClipboard();
      if (text) this.paste(text);
    } catch (cause) {
      this.#options.onfailure(asWireError(cause));
    }
  }

  /** False: the key is ours and the program does not see it. */
  #key(event: KeyboardEvent): boolean {
    const chord = this.#options.mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && event.shiftKey;
    if (!chord || event.altKey) return true;
    const action = { c: () => this.#copy(), v: () => this.#pasteFromClipboard(), f: this.#options.onsearch }[
      event.key.toLowerCase()
    ];
    if (!action) return true;
    event.preventDefault();
    if (event.type === 'keydown') void action();
    return false;
  }
}
