/** What a program may make the window's terminal do: draw. Nothing is copied, typed or opened by what it prints. */
import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { Terminal, type ILink, type ITerminalOptions } from '@xterm/xterm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setBackend } from '../../ipc/current';
import { fakeBackend } from '../../ipc/fake';
import type { TerminalRow } from '../../ipc';
import { app } from '../../state/app.svelte';
import TerminalView from './TerminalView.svelte';
import { targetOf } from './links';
import { TerminalScreen } from './terminal';

/** All that were made, and what was asked of one that should not have been. */
const { made, reached } = vi.hoisted(() => ({ made: [] as Terminal[], reached: [] as string[] }));

/** An xterm that does whatever it is asked: as one with other options and addons would. */
vi.mock('@xterm/xterm', async (original) => {
  const real = await original<typeof import('@xterm/xterm')>();
  class Obedient extends real.Terminal {
    constructor(options: ITerminalOptions) {
      super({ ...options, windowOptions: { getWinSizePixels: true, getIconTitle: true, getWinTitle: true } });
      const answer = (what: string): true => {
        reached.push(what);
        this.input(`\x1b]${what}\x07`, false);
        return true;
      };
      for (const command of [50, 52]) this.parser.registerOscHandler(command, (data) => answer(`${command};${data}`));
      const title = (parameters: (number | number[])[]): boolean =>
        [20, 21].includes(Number(parameters[0])) && answer('rm -rf ~');
      this.parser.registerCsiHandler({ final: 't' }, title);
      made.push(this);
    }
  }
  return { ...real, Terminal: Obedient };
});

let typed = '';
let copied: string[] = [];
let opened: string[] = [];
let print: ((text: string) => Promise<void>) | null = null;

beforeEach(async () => {
  const { backend: fake } = fakeBackend({ state: 'normal' });
  typed = '';
  print = null;
  [copied, opened] = [[], []];
  reached.length = made.length = 0;
  setBackend({
    ...fake,
    attachTerminal: async (_sandbox, _terminal, listener) => {
      print = (text) => new Promise((done) => listener(new TextEncoder().encode(text), done));
      return () => undefined;
    },
    terminalInput: async (_sandbox, _terminal, data) => void (typed += new TextDecoder().decode(data)),
    copyText: async (text) => void copied.push(text),
    readClipboard: async () => 'a secret',
    openLink: async (url) => void opened.push(url),
  });
  await app.load();
});
afterEach(cleanup);

/** What makes a terminal write into the program's input, or take from it, what the program chose. */
const QUESTIONS = [
  ['the title', '\x1b]2;rm -rf ~\x07\x1b[21t'],
  ['the name of the icon', '\x1b]1;rm -rf ~\x07\x1b[20t'],
  ['the size of the window', '\x1b[14t'],
  ['a setting', '\x1bP$qm\x1b\\'],
  ['the shape of the cursor', '\x1bP$q q\x1b\\'],
  ['the font', '\x1b]50;?\x07'],
  ['another font', '\x1b]50;#1\x1b\\'],
  ['what is in the clipboard', '\x1b]52;c;?\x07'],
  ['another clipboard', '\x1b]52;c;aGVsbG8=\x1b\\'],
] as const;

describe('what a program prints', () => {
  async function answers(text: string): Promise<string> {
    // What is asked last is answered, after all else was.
    await print?.(`${text}\x1b[5n`);
    await waitFor(() => expect(typed).toContain('\x1b[0n'));
    return typed.replace('\x1b[0n', '');
  }

  it.each(QUESTIONS)('asks for %s in vain', async (_what, question) => {
    const terminal = new TerminalScreen(quiet());
    await terminal.open(document.createElement('div'));
    expect(await answers(question)).toBe('');
    expect(reached).toEqual([]);
    expect(copied).toEqual([]);
    terminal.end();
  });

  it.each(QUESTIONS)('would get %s from a terminal without the guard', async (_what, question) => {
    const bare = new Terminal({ allowProposedApi: true });
    bare.open(document.createElement('div'));
    let said = '';
    bare.onData((text) => (said += text));
    await new Promise<void>((done) => bare.write(question, done));
    expect(said).not.toBe('');
    bare.dispose();
  });
});

describe('a link', () => {
  it.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'mailto:a@example.com',
    'vscode://x',
    'x-custom:y',
    'not a link',
  ])('to %s is none, with a text of its own or without', async (address) => {
    const terminal = await shown();
    await print?.(`${written(address, 'https is fine')} ${address}\r\n`);
    expect(linksIn(terminal)).toEqual([]);
    // Where one came all the same it would not be opened.
    expect(targetOf(address)).toBeNull();
  });

  it.each([
    ['with a text that names another place', written('https://evil.example/a', 'https://bank.example')],
    ['written as it is', 'https://evil.example/a'],
    ['with a name to log in with', written('https://bank.example@evil.example/a', 'bank.example')],
  ])('%s shows where it leads, and is opened when that was agreed to', async (_what, text) => {
    const terminal = await shown();
    await print?.(`${text}\r\n`);
    const link = linksIn(terminal).at(0);
    link?.activate(new MouseEvent('click'), link.text);
    const sheet = await screen.findByRole('dialog');
    expect(sheet.textContent).toContain('https://evil.example/a');
    expect(sheet.textContent).not.toContain('bank.example');
    expect(opened, 'it only asks').toEqual([]);
    await userEvent.click(screen.getByText('Cancel'));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(opened, 'a no is a no').toEqual([]);

    link?.activate(new MouseEvent('click'), link.text);
    await screen.findByRole('dialog');
    await userEvent.click(screen.getByText('Open page'));
    await waitFor(() => expect(opened).toEqual(['https://evil.example/a']));
    expect(typed + copied.join(''), 'and nothing else').toBe('');

    link?.activate(new MouseEvent('click'), link.text);
    await screen.findByRole('dialog');
    await userEvent.click(screen.getByText('Copy the address'));
    await waitFor(() => expect(copied, 'what was shown').toEqual(['https://evil.example/a']));
  });
});

function quiet(): ConstructorParameters<typeof TerminalScreen>[0] {
  const never = (): never => expect.unreachable();
  const rest = { onlink: never, onfailure: never, onsearch: never };
  return { sandbox: 'a', terminal: 1, fontSize: 12, copyOnSelect: true, mac: false, ...rest };
}

/** As a person sees it: with the question that a link asks. */
async function shown(): Promise<Terminal> {
  const terminal = { id: 1, name: 'Shell', title: null, running: true, exit_code: null };
  const row: TerminalRow = { ...terminal, agent: false, doing: 'idle' };
  render(TerminalView, { sandbox: 'a', terminal: row, visible: true, onagain: () => undefined });
  await waitFor(() => expect(print).not.toBeNull());
  const one = made.at(-1);
  if (!one) throw new Error('no terminal was made');
  return one;
}

/** A link whose text is not its address. */
function written(address: string, text: string): string {
  return `\x1b]8;;${address}\x1b\\${text}\x1b]8;;\x1b\\`;
}

interface Providers {
  linkProviders: { provideLinks(line: number, found: (links: ILink[] | undefined) => void): void }[];
}

/** What can be clicked in the first line, as xterm finds it: here nothing has a place that could be clicked at. */
function linksIn(terminal: Terminal): ILink[] {
  const { _linkProviderService: all } = (terminal as unknown as { _core: { _linkProviderService: Providers } })._core;
  const found: ILink[] = [];
  for (const provider of all.linkProviders) provider.provideLinks(1, (links) => found.push(...(links ?? [])));
  return found;
}
