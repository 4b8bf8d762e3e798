import { cleanup, configure, render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { tick } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { FileDiff, Review, SandboxRow, WireError } from '../../ipc';
import { setBackend } from '../../ipc/current';
import { fakeBackend } from '../../ipc/fake';
import { app } from '../../state/app.svelte';
import { commands } from '../../state/commands.svelte';
import { bringIn } from '../../state/sandbox-actions';
import { router } from '../../state/router.svelte';
import { toasts } from '../../state/toasts.svelte';
import { copyOut, saveElsewhere } from './copy-out';
import Index, { prepare } from './Index.svelte';
import { forgetReviews } from './kept-reviews.svelte';
import { ReviewState } from './review.svelte';

// A slow computer is not a failure; what is waited for is an event either way.
vi.setConfig({ testTimeout: 30_000 });
configure({ asyncUtilTimeout: 15_000 });

let made: ReturnType<typeof fakeBackend>;

/** The review as the window shows it: keys go through the commands, as in the frame. */
async function open(path: string, state = ''): Promise<void> {
  made = fakeBackend({ state });
  setBackend(made.backend);
  await app.load();
  router.go({ screen: 'sandbox', sandbox: 'rye-and-salt', tab: 'review', path: { text: path } });
  renderReview();
  const name = path.slice(path.lastIndexOf('/') + 1);
  await waitFor(() =>
    expect(within(screen.getByRole('region', { name: 'Diff' })).getByRole('heading')).toHaveTextContent(name),
  );
}

function renderReview(): void {
  const sandbox = app.sandboxes.find((row) => row.id === 'rye-and-salt') as SandboxRow;
  render(Index, { props: { sandbox } });
}

async function stored(path: string): Promise<Review['files'][number] | undefined> {
  const review = await made.backend.review('rye-and-salt', false, 'test');
  return review?.files.find((file) => file.path.text === path);
}

function footer(): HTMLElement {
  return screen.getByTestId('review-footer');
}

beforeEach(() => {
  localStorage.clear();
  forgetReviews();
  toasts.list = [];
  const key = (event: KeyboardEvent): void => void commands.key(event);
  window.addEventListener('keydown', key, true);
  return () => window.removeEventListener('keydown', key, true);
});

describe('the review', () => {
  it('says what will happen, and leaves out conflicts and files that run here', async () => {
    await open('README.md');
    expect(footer()).toHaveTextContent('12 files will be copied to ~/Sites/rye-and-salt, 1 conflict, 2 need a look');
    expect(screen.getByTestId('copy-out')).toHaveTextContent('Copy out 12 files');
  });

  it('is there at once when its tab is opened again, and is then brought up to date', async () => {
    await open('README.md');
    const { review } = made.backend;
    const before = await review('rye-and-salt', false, 'test');
    cleanup();
    await made.backend.decide('rye-and-salt', before?.capture ?? '', [{ on: 'all', accept: false }]);
    let answer = (): void => {};
    const waiting = new Promise<void>((resolve) => (answer = resolve));
    made.backend.review = async (...all) => waiting.then(() => review(...all));
    renderReview();
    expect(footer()).toHaveTextContent('12 files will be copied');
    expect(screen.getByRole('region', { name: 'Diff' })).toHaveTextContent('README.md');
    answer();
    await waitFor(() => expect(footer()).not.toHaveTextContent('12 files will be copied'));
  });

  it('is made ready before its tab is opened, without a capture', async () => {
    made = fakeBackend({ state: '' });
    setBackend(made.backend);
    await app.load();
    const asked = vi.spyOn(made.backend, 'review');
    const drawn: HTMLElement[] = [];
    const watch = new MutationObserver((all) => {
      for (const { addedNodes } of all) drawn.push(...[...addedNodes].filter((node) => node instanceof HTMLElement));
    });
    watch.observe(document.body, { childList: true });
    await prepare('rye-and-salt');
    watch.disconnect();
    // Drawn once where nobody sees it, reaches it by key or hears of it; then gone.
    expect(drawn).toHaveLength(2);
    expect(drawn.every((node) => node.inert && !node.isConnected)).toBe(true);
    expect(asked.mock.calls.map(([, fresh]) => fresh)).toEqual([false]);
    router.go({ screen: 'sandbox', sandbox: 'rye-and-salt', tab: 'review' });
    renderReview();
    expect(footer()).toHaveTextContent('12 files will be copied');
  });

  it('shows the same files again in the next window', async () => {
    await open('README.md');
    await userEvent.type(screen.getByRole('textbox', { name: 'Filter files' }), 'hours');
    await userEvent.click(screen.getByRole('button', { name: /^Undecided/ }));
    await waitFor(async () =>
      expect((await made.backend.review('rye-and-salt', false, 'test'))?.filters).toEqual({
        query: 'hours',
        only: 'undecided',
        status: [],
        risky: false,
      }),
    );
    const next = new ReviewState('rye-and-salt');
    await next.load(false);
    expect(next.filters.query).toBe('hours');
    expect(next.visible.every((file) => file.path.text.includes('hours'))).toBe(true);
    next.narrow({ query: 'nothing is called so' });
    next.narrow({ only: 'all' });
    await waitFor(async () =>
      expect((await made.backend.review('rye-and-salt', false, 'test'))?.filters.query).toBe('nothing is called so'),
    );
  });

  it('says that files changed again and moves nothing that is read', async () => {
    await open('js/hours.js');
    expect(screen.queryByTestId('changed-again')).toBeNull();
    const diff = await screen.findByRole('region', { name: 'Changes of js/hours.js' });
    const text = diff.textContent;
    vi.spyOn(made.backend, 'changedSince').mockResolvedValue(3);
    const looked = vi.spyOn(made.backend, 'review');
    made.world.emit({ type: 'workspace', sandbox: 'rye-and-salt' });
    expect(await screen.findByTestId('changed-again')).toHaveTextContent('3 files changed again');
    expect(looked).not.toHaveBeenCalled();
    expect(screen.getByRole('region', { name: 'Changes of js/hours.js' })).toBe(diff);
    expect(diff.textContent).toBe(text);
    // Not in the part that is read, whose lines it would move.
    expect(diff.closest('.middle')).not.toContainElement(screen.getByTestId('changed-again'));
    await userEvent.click(screen.getByRole('button', { name: 'Capture again' }));
    await waitFor(() => expect(screen.queryByTestId('changed-again')).toBeNull());
  });

  it('shows what of a part is written, before it is', async () => {
    await open('js/hours.js');
    const diff = () => screen.findByRole('region', { name: 'Changes of js/hours.js' });
    await waitFor(async () => expect(await diff()).toHaveTextContent('no-store'));
    await userEvent.click(screen.getByRole('button', { name: 'Show only what will be written' }));
    await screen.findByText(/Only what you accepted/);
    await waitFor(async () => expect(await diff()).not.toHaveTextContent('no-store'));
    expect(await diff()).toHaveTextContent('dayOf(hours, now)');
    expect(within(await diff()).queryByRole('button', { name: 'Accept' })).toBeNull();
    // A decision is made on all of it.
    await userEvent.keyboard('a');
    await waitFor(() => expect(screen.queryByText(/Only what you accepted/)).toBeNull());
    await waitFor(async () => expect(await diff()).toHaveTextContent('no-store'));
  });

  it('decides by file with keys only', async () => {
    await open('README.md');
    await userEvent.keyboard('x');
    expect(footer()).toHaveTextContent('11 files');
    await waitFor(async () => expect((await stored('README.md'))?.decision).toBe('rejected'));
    await userEvent.keyboard('a');
    await waitFor(async () => expect((await stored('README.md'))?.decision).toBe('accepted'));
    expect(footer()).toHaveTextContent('12 files');
  });

  it('decides by change and by line with keys only', async () => {
    await open('js/hours.js');
    const diff = await screen.findByRole('region', { name: 'Changes of js/hours.js' });
    await waitFor(() => expect(within(diff).getAllByText('Rejected').length).toBeGreaterThan(0));
    await userEvent.keyboard('{Shift>}A{/Shift}');
    await waitFor(async () => expect((await stored('js/hours.js'))?.decision).toBe('accepted'));
    diff.focus();
    await userEvent.keyboard('{ArrowDown} ');
    await waitFor(async () => expect((await stored('js/hours.js'))?.decision).toBe('partly'));
    const answer = await made.backend.fileDiff(
      'rye-and-salt',
      'c1',
      { text: 'js/hours.js' },
      { ignore_whitespace: false, context: 3, from_hunk: 0, max_hunks: 0 },
    );
    const changed = answer.kind === 'text' ? answer.hunks[0]?.lines.filter((line) => line.kind !== 'context') : [];
    expect(
      changed?.map((line) => line.accepted),
      'only the line the cursor was on',
    ).toEqual([false, true, true]);
  });

  it('goes from file to file and marks what was viewed', async () => {
    await open('README.md');
    await userEvent.keyboard('k');
    await waitFor(() => expect(screen.getByRole('heading', { level: 2 })).toHaveTextContent('package.json'));
    expect(screen.getByText('This file runs on your machine.')).toBeVisible();
    await userEvent.keyboard('v');
    await waitFor(async () => expect((await stored('package.json'))?.viewed).toBe(true));
  });

  it('keeps keys to fields while one types', async () => {
    await open('README.md');
    await userEvent.keyboard('/');
    await userEvent.keyboard('xa');
    expect(screen.getByLabelText('Filter files')).toHaveValue('xa');
    expect((await stored('README.md'))?.decision).toBe('accepted');
  });

  it('copies out and offers to undo', async () => {
    await open('README.md');
    await userEvent.keyboard('{Control>}{Enter}{/Control}');
    await waitFor(() => expect(toasts.list.at(-1)?.text).toBe('Copied 12 files'));
    toasts.list.at(-1)?.action?.run();
    await waitFor(() => expect(toasts.list.at(-1)?.text).toBe('The copy-out was undone'));
    expect(toasts.list.at(-1)?.action?.label).toBe('Redo');
    toasts.list.at(-1)?.action?.run();
    await waitFor(() => expect(toasts.list.at(-1)?.text).toBe('Copied 12 files again'));
  });

  it('brings in the user’s edits, says what stays the agent’s, and takes it back', async () => {
    await open('README.md');
    await bringIn('rye-and-salt');
    expect(toasts.list.at(-1)?.text).toBe(
      'Brought in 2 files, 1 merged with the agent’s. 1 file you both changed stays as the agent has it.',
    );
    toasts.list.at(-1)?.action?.run();
    await waitFor(() => expect(toasts.list.at(-1)?.text).toMatch(/taken out of the workspace again/));
  });

  it('copies out only after the engine has heard of every decision', async () => {
    await open('README.md');
    const { decide } = made.backend;
    let heard = (): void => {};
    const waiting = new Promise<void>((resolve) => (heard = resolve));
    made.backend.decide = async (...all) => waiting.then(() => decide(...all));
    const copied = vi.spyOn(made.backend, 'copyOut');
    const state = new ReviewState('rye-and-salt');
    await state.load(false);
    void state.decide({ on: 'file', path: { text: 'README.md' }, accept: false });
    const copying = copyOut(state);
    await tick();
    expect(copied).not.toHaveBeenCalled();
    heard();
    await copying;
    expect(copied).toHaveBeenCalledOnce();
    expect((await copied.mock.results[0]?.value)?.applied).not.toContainEqual({ text: 'README.md' });
  });

  it('copies nothing out where a decision was not taken', async () => {
    await open('README.md');
    const full: WireError = { code: 'disk_full', message: 'The disk is full.' };
    made.backend.decide = () => Promise.reject(full);
    const copied = vi.spyOn(made.backend, 'copyOut');
    const state = new ReviewState('rye-and-salt');
    await state.load(false);
    void state.decide({ on: 'file', path: { text: 'README.md' }, accept: false });
    await copyOut(state);
    expect(copied).not.toHaveBeenCalled();
    expect(toasts.list.at(-1)?.text).toContain('The disk is full.');
  });

  it('takes no answer that is older than what was decided meanwhile', async () => {
    await open('README.md');
    const state = new ReviewState('rye-and-salt');
    await state.load(false);
    const { review } = made.backend;
    const older = await review('rye-and-salt', false, 'test');
    let answer = (): void => {};
    const waiting = new Promise<void>((resolve) => (answer = resolve));
    made.backend.review = async () => waiting.then(() => older);
    const loading = state.load(false);
    await tick();
    await state.decide({ on: 'all', accept: false });
    expect(state.footer?.copied).toBe(0);
    answer();
    await loading;
    expect(state.footer?.copied).toBe(0);
  });

  it('saves as a branch and says that nothing else moved', async () => {
    await open('README.md');
    const state = new ReviewState('rye-and-salt');
    await state.load(false);
    await saveElsewhere(state, 'branch');
    expect(toasts.list.at(-1)?.text).toMatch(/^Saved \d+ files as the branch agent-sandbox\/rye-and-salt\. Your files/);
  });

  it('draws names and lines with markup as text', async () => {
    await open('README.md');
    const review = (await made.backend.review('rye-and-salt', false, 'test')) as Review;
    const name = '<img src=x onerror=alert(1)>.html';
    const files = [{ ...(review.files.at(-1) as Review['files'][number]), path: { text: name } }];
    made.backend.review = () => Promise.resolve({ ...review, capture: 'other', files });
    made.backend.fileDiff = () =>
      Promise.resolve({
        kind: 'text',
        hunks: [
          {
            id: 'h',
            old_start: 0,
            old_lines: 0,
            new_start: 1,
            new_lines: 1,
            heading: '<b>head</b>',
            decision: 'undecided',
            lines: [
              {
                kind: 'added',
                old: null,
                new: 1,
                text: '<script>alert(2)</script>',
                words: [],
                accepted: true,
                no_newline: false,
                cut: null,
              },
            ],
          },
        ],
        old_total: 0,
        new_total: 1,
        more_hunks: 0,
        notes: [],
        hidden: [],
        left_out: 0,
        made_by: null,
      });
    made.world.emit({ type: 'review', sandbox: 'rye-and-salt' });
    await screen.findByText('<script>alert(2)</script>');
    expect(screen.getAllByText(name, { exact: false }).length).toBeGreaterThan(0);
    expect(document.querySelector('img, script, b > b')).toBeNull();
  });

  it('names what is not text by size and hash', async () => {
    await open('README.md');
    const [before, after] = ['6437b3ac', '9aec7f9b'];
    made.backend.fileDiff = () =>
      Promise.resolve({
        kind: 'binary',
        description: 'Web Open Font Format 2',
        old_size: 3,
        new_size: 4,
        old_hash: before,
        new_hash: after,
      });
    const review = (await made.backend.review('rye-and-salt', false, 'test')) as Review;
    made.backend.review = () => Promise.resolve({ ...review, capture: 'c-again' });
    made.world.emit({ type: 'review', sandbox: 'rye-and-salt' });
    await screen.findByText(before);
    expect(screen.getByText(after)).toBeVisible();
  });

  it('counts the lines that are left out with changes of whitespace', async () => {
    await open('README.md');
    const usual = made.backend.fileDiff.bind(made.backend);
    const asked = vi.fn(async (...args: Parameters<typeof usual>) => {
      const diff = (await usual(...args)) as Extract<FileDiff, { kind: 'text' }>;
      return args[3].ignore_whitespace ? { ...diff, hunks: [], left_out: 12 } : diff;
    });
    made.backend.fileDiff = asked;
    expect(screen.queryByText(/only in spaces/)).toBeNull();
    await userEvent.click(await screen.findByRole('button', { name: 'Whitespace' }));
    await userEvent.click(await screen.findByText('Leave out changes of whitespace'));
    await screen.findByText('12 lines differ only in spaces and are not shown.');
    expect(screen.getByText('What changed are spaces alone, and they are left out now.')).toBeVisible();
  });

  it('folds what a program wrote, with its counts, but never what asks for a look', async () => {
    await open('README.md');
    const review = (await made.backend.review('rye-and-salt', false, 'test')) as Review;
    const options = { ignore_whitespace: false, context: 3, from_hunk: 0, max_hunks: 100 };
    const usual = await made.backend.fileDiff('rye-and-salt', review.capture, { text: 'README.md' }, options);
    const lock = { ...usual, made_by: 'package_manager' } as FileDiff;
    const asked = vi.fn(() => Promise.resolve(lock));
    made.backend.fileDiff = asked;
    const show = (capture: string, risks: Review['files'][number]['risks']): void => {
      const file = { ...(review.files.at(-1) as Review['files'][number]), path: { text: 'yarn.lock' }, risks };
      const files = [{ ...file, additions: 40, deletions: 2 }];
      made.backend.review = () => Promise.resolve({ ...review, capture, files });
      made.world.emit({ type: 'review', sandbox: 'rye-and-salt' });
    };

    show('locked', []);
    expect(await screen.findByText(/40 lines added, 2 lines removed/)).toBeVisible();
    expect(screen.queryByTestId('diff-rows')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Show the changes' }));
    expect(await screen.findByTestId('diff-rows')).toBeVisible();

    show('risky', review.files.find((file) => file.risks.length > 0)?.risks ?? []);
    await waitFor(() => expect(asked).toHaveBeenCalledTimes(2));
    expect(await screen.findByTestId('diff-rows')).toBeVisible();
    expect(screen.queryByText('A lock file')).toBeNull();
  });

  it('says of a file that the disk cannot take why, and what to do, apart from what is never copied', async () => {
    await open('notes/14:30 tasting.md', 'more');
    const note = await screen.findByTestId('unfit');
    expect(note).toHaveTextContent('The disk of your folder cannot take this file. It holds no such name');
    expect(screen.queryByText('This is never copied out.')).toBeNull();
    expect(within(footer()).getByRole('button', { name: '1 does not fit your disk' })).toBeVisible();
    expect(footer()).not.toHaveTextContent('never copied');
    expect(screen.getByRole('checkbox', { name: 'Accept 14:30 tasting.md' })).toBeDisabled();
    await userEvent.keyboard('a');
    expect((await stored('notes/14:30 tasting.md'))?.decision).toBe('undecided');
    // The same keys decide the one beside it.
    await userEvent.keyboard('j');
    await userEvent.keyboard('a');
    await waitFor(async () => expect((await stored('package-lock.json'))?.decision).toBe('accepted'));
  });

  it('draws only what is seen of 5,000 files', async () => {
    await open('src/part00/module0/file0.ts', 'large');
    expect(screen.getByPlaceholderText('Filter 5,000 files')).toBeVisible();
    expect(screen.getAllByTestId('review-file').length).toBeLessThan(120);
  });
});
