import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../ipc/fake';
import { RYE } from '../ipc/fake/rows';
import { setBackend } from '../ipc/current';
import type { Numbered } from '../ipc';
import { app } from './app.svelte';
import { commands, keyText, matches } from './commands.svelte';
import { toasts } from './toasts.svelte';
import { topics } from './topics.svelte';

const key = (init: KeyboardEventInit): KeyboardEvent => new KeyboardEvent('keydown', { cancelable: true, ...init });

describe('keys', () => {
  it.each([
    ['Mod+k', { key: 'k', ctrlKey: true }, false, true],
    ['Mod+k', { key: 'k', metaKey: true }, true, true],
    ['Mod+k', { key: 'k', ctrlKey: true }, true, false],
    ['Mod+k', { key: 'K', ctrlKey: true, shiftKey: true }, false, false],
    ['?', { key: '?', shiftKey: true }, false, true],
    ['j', { key: 'j' }, false, true],
    ['j', { key: 'j', ctrlKey: true }, false, false],
    ['Shift+F6', { key: 'F6', shiftKey: true }, false, true],
  ])('%s', (keys, init, mac, expected) => expect(matches(key(init), keys, mac)).toBe(expected));

  it('are written as on the computer', () => {
    expect(keyText('Mod+k', false)).toBe('Ctrl+k');
    expect(keyText('Mod+Shift+s', true)).toBe('⌘⇧s');
  });

  it('run the newest command, and none while one types', () => {
    const [first, second] = [vi.fn(), vi.fn()];
    const drop = commands.register([{ id: 'a', label: 'A', group: 'g', keys: ['j'], run: first }]);
    const dropSecond = commands.register([{ id: 'b', label: 'B', group: 'g', keys: ['j'], run: second }]);
    expect(commands.key(key({ key: 'j' }))).toBe(true);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
    dropSecond();
    const field = document.body.appendChild(document.createElement('input'));
    let taken = true;
    field.addEventListener('keydown', (event) => (taken = commands.key(event)));
    field.dispatchEvent(key({ key: 'j' }));
    expect(taken).toBe(false);
    drop();
    field.remove();
  });

  it('press no button while what they belong to cannot run', () => {
    const keys = ['Mod+Enter'];
    const drop = commands.register([{ id: 'c', label: 'C', group: 'g', keys, enabled: () => false, run: vi.fn() }]);
    const event = key({ key: 'Enter', ctrlKey: true });
    expect(commands.key(event)).toBe(false);
    expect(event.defaultPrevented).toBe(true);
    drop();
    const free = key({ key: 'Enter', ctrlKey: true });
    commands.key(free);
    expect(free.defaultPrevented).toBe(false);
  });

  it('belong to the program while the terminal has the focus', () => {
    const run = vi.fn();
    const drop = commands.register([
      { id: 'p', label: 'P', group: 'g', keys: ['Mod+k', 'Mod+Shift+p'], everywhere: true, run },
    ]);
    const terminal = document.body.appendChild(document.createElement('div'));
    terminal.className = 'xterm';
    const input = terminal.appendChild(document.createElement('textarea'));
    input.addEventListener('keydown', (event) => commands.key(event));
    input.dispatchEvent(key({ key: 'k', ctrlKey: true }));
    expect(run).not.toHaveBeenCalled();
    input.dispatchEvent(key({ key: 'P', ctrlKey: true, shiftKey: true }));
    expect(run).toHaveBeenCalledOnce();
    drop();
    terminal.remove();
  });
});

describe('events', () => {
  let world: ReturnType<typeof fakeBackend>['world'];
  let backend: ReturnType<typeof fakeBackend>['backend'];
  beforeEach(async () => {
    ({ backend, world } = fakeBackend());
    setBackend(backend);
    await app.load();
  });

  it('change the rows and make what depends on them stale', () => {
    const before = topics.version('changes', RYE);
    world.update(RYE, { changed: 3 });
    world.emit({ type: 'workspace', sandbox: RYE });
    expect(app.sandboxes.find((row) => row.id === RYE)?.changed).toBe(3);
    expect(topics.version('changes', RYE)).toBe(before + 1);
    expect(topics.version('changes', 'another')).toBe(topics.version('changes', 'third'));
  });

  it('after a gap everything is read again', async () => {
    let send: (event: Numbered) => void = () => undefined;
    vi.spyOn(backend, 'subscribe').mockImplementation(async (listener) => {
      send = listener;
      return () => undefined;
    });
    await app.load();
    const list = vi.spyOn(backend, 'listSandboxes');
    const before = topics.version('review', RYE);
    send({ seq: 4, event: { type: 'review', sandbox: 'other' } });
    expect(list).not.toHaveBeenCalled();
    send({ seq: 6, event: { type: 'review', sandbox: 'other' } });
    expect(list).toHaveBeenCalledOnce();
    expect(topics.version('review', RYE)).toBe(before + 1);
  });
});

describe('toasts', () => {
  it('stay until they are dismissed where something failed', () => {
    vi.useFakeTimers();
    toasts.show('Copied 2 files');
    const failed = toasts.show('The disk is full', { tone: 'failure' });
    vi.advanceTimersByTime(60_000);
    expect(toasts.list.map((toast) => toast.text)).toEqual(['The disk is full']);
    toasts.dismiss(failed);
    expect(toasts.list).toHaveLength(0);
    vi.useRealTimers();
  });

  it('stay ten seconds, longer while they are held', () => {
    vi.useFakeTimers();
    const id = toasts.show('Workspace reset', { action: { label: 'Undo', run: () => undefined } });
    toasts.hold(id, true);
    vi.advanceTimersByTime(60_000);
    expect(toasts.list).toHaveLength(1);
    toasts.hold(id, false);
    vi.advanceTimersByTime(9_000);
    expect(toasts.list).toHaveLength(1);
    vi.advanceTimersByTime(2_000);
    expect(toasts.list).toHaveLength(0);
    vi.useRealTimers();
  });

  it('say nothing of what the user cancelled', () => {
    toasts.failed({ code: 'cancelled', message: 'Cancelled.' });
    expect(toasts.list).toHaveLength(0);
  });
});
