/** Terminals that answer: the agent's with the screen of the mockups, a shell that echoes. */
import type { TerminalRow } from '../index';
import type { Part } from './part';
import { RYE } from './rows';
import { AGENT_SCREEN } from './screen';
import type { World } from './world';

type Names = 'listTerminals' | 'openTerminal' | 'attachTerminal' | 'terminalInput' | 'resizeTerminal' | 'closeTerminal';

interface FakeTerminal {
  row: TerminalRow;
  text: string;
  listeners: Set<(chunk: Uint8Array, done: () => void) => void>;
}

/** As Aider asks for a key that it was not given. */
const LOG_IN = [
  'Opening https://openrouter.example/auth?callback_url=http://localhost:8484/callback/aider',
  '',
  'Waiting up to 5 minutes for you to finish in the browser…',
  '',
].join('\r\n');

const PROMPT = '\x1b[32magent\x1b[0m:\x1b[34m/workspace\x1b[0m$ ';

export function fakeTerminals(world: World): Part<Names> {
  const terminals = new Map<string, FakeTerminal[]>();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  const of = (sandbox: string): FakeTerminal[] => {
    let list = terminals.get(sandbox);
    if (!list) {
      list = begin(world, sandbox);
      terminals.set(sandbox, list);
    }
    return list;
  };
  const find = (sandbox: string, id: number): FakeTerminal | undefined =>
    of(sandbox).find((terminal) => terminal.row.id === id);
  const write = (terminal: FakeTerminal, text: string): void => {
    terminal.text += text;
    for (const listener of terminal.listeners) listener(encoder.encode(text), () => undefined);
  };

  return {
    listTerminals: (sandbox) => world.answer(of(sandbox).map((terminal) => terminal.row)),
    openTerminal: async ({ sandbox, what }) => {
      const list = of(sandbox);
      const id = Math.max(0, ...list.map((terminal) => terminal.row.id)) + 1;
      const terminal = make(id, what === 'agent' ? 'Claude Code' : 'Shell', what === 'agent', PROMPT);
      list.push(terminal);
      world.emit({ type: 'terminal', sandbox, terminal: terminal.row });
      return world.answer(terminal.row);
    },
    attachTerminal: async (sandbox, id, listener) => {
      const terminal = find(sandbox, id);
      if (!terminal) return world.fail('not_found', 'This terminal is closed.');
      listener(encoder.encode(terminal.text), () => undefined);
      terminal.listeners.add(listener);
      return () => terminal.listeners.delete(listener);
    },
    terminalInput: async (sandbox, id, data) => {
      const terminal = find(sandbox, id);
      if (!terminal) return;
      const typed = decoder.decode(data);
      if (typed === '\r') write(terminal, `\r\n${PROMPT}`);
      else if (typed === '\x7f') write(terminal, '\b \b');
      else write(terminal, typed.replaceAll('\x03', `^C\r\n${PROMPT}`));
    },
    resizeTerminal: () => world.answer(undefined),
    closeTerminal: async (sandbox, id) => {
      terminals.set(
        sandbox,
        of(sandbox).filter((terminal) => terminal.row.id !== id),
      );
      world.emit({ type: 'terminal_closed', sandbox, terminal: id });
    },
  };
}

function begin(world: World, sandbox: string): FakeTerminal[] {
  const row = world.rows.find((other) => other.id === sandbox);
  const shell = make(2, 'Shell', false, PROMPT);
  if (row?.agent === 'shell') return [{ ...shell, row: { ...shell.row, id: 1 } }];
  const agent = make(1, row?.agent_name ?? 'Agent', true, sandbox === RYE ? AGENT_SCREEN : PROMPT);
  agent.row.doing = row?.status === 'waiting' || row?.status === 'working' ? row.status : 'idle';
  if (world.is('log-in', 'port-taken')) agent.text = LOG_IN;
  if (world.is('engine-stopped')) {
    agent.row.running = shell.row.running = false;
    agent.row.doing = shell.row.doing = 'finished';
    agent.text = `${AGENT_SCREEN.slice(0, AGENT_SCREEN.indexOf('\x1b[34m✻'))}\x1b[2m— Docker stopped at 14:46 —\x1b[0m\r\n`;
  }
  return [agent, shell];
}

function make(id: number, name: string, agent: boolean, text: string): FakeTerminal {
  const row: TerminalRow = { id, name, title: null, running: true, exit_code: null, agent, doing: 'idle' };
  return { row, text, listeners: new Set() };
}
