/** What the review can do by key and from the palette. */
import Check from '@lucide/svelte/icons/check';
import Copy from '@lucide/svelte/icons/copy';
import FolderOutput from '@lucide/svelte/icons/folder-output';
import RefreshCw from '@lucide/svelte/icons/refresh-cw';
import Send from '@lucide/svelte/icons/send';
import type { Command } from '../../state/commands.svelte';
import { isBarred } from './filter';
import type { LineCursor } from './line-cursor.svelte';
import type { ReviewState } from './review.svelte';

export type ReviewRuns = {
  filter: () => void;
  open: () => void;
  copyOut: () => void;
  send: () => void;
  capture: () => void;
};

/** No sheet or menu is open, which keep their own keys. */
function free(): boolean {
  return document.activeElement?.closest('[role="dialog"], [role="menu"], [role="listbox"]') == null;
}

/** Also not on a button or link, which Return and the space bar press. */
function offControls(): boolean {
  return (
    free() && document.activeElement?.closest('button, a, input, select, [role="treeitem"], [role="tree"]') == null
  );
}

export function reviewCommands(review: ReviewState, cursor: LineCursor, runs: ReviewRuns): Command[] {
  const group = 'Review';
  const onFile = (): boolean => free() && review.file !== null;
  const decidable = (): boolean => onFile() && review.file !== null && !isBarred(review.file) && !review.file.conflict;
  const inDiff = (): boolean => document.activeElement === cursor.element && cursor.element !== null;
  const decide = (accept: boolean): void => {
    const { file } = review;
    if (file && !cursor.decideLines(accept)) void review.decide({ on: 'file', path: file.path, accept });
  };
  const key = (id: string, label: string, keys: string[], run: () => unknown, enabled: () => boolean): Command => ({
    id: `review-${id}`,
    label,
    group,
    keys,
    keysOnly: true,
    enabled,
    run: () => void run(),
  });
  return [
    key('next-file', 'Next file', ['j'], () => review.step(1), free),
    key('previous-file', 'Previous file', ['k'], () => review.step(-1), free),
    key('next-change', 'Next change', ['n'], () => cursor.change(1), onFile),
    key('previous-change', 'Previous change', ['p'], () => cursor.change(-1), onFile),
    key('accept', 'Accept the file, or the chosen lines', ['a'], () => decide(true), decidable),
    key('reject', 'Reject the file, or the chosen lines', ['x'], () => decide(false), decidable),
    key('accept-change', 'Accept the change', ['Shift+A'], () => cursor.decideHunk(true), decidable),
    key('reject-change', 'Reject the change', ['Shift+X'], () => cursor.decideHunk(false), decidable),
    key(
      'viewed',
      'Viewed',
      ['v'],
      () => review.file && review.decide({ on: 'viewed', path: review.file.path, viewed: !review.file.viewed }),
      onFile,
    ),
    key('open', 'Go into the diff, or settle the conflict', ['Enter'], runs.open, offControls),
    key('line-down', 'Next line, in the diff', ['ArrowDown'], () => cursor.line(1, false), inDiff),
    key('line-up', 'Previous line, in the diff', ['ArrowUp'], () => cursor.line(-1, false), inDiff),
    key('grow', 'Choose one line more', ['Shift+ArrowDown'], () => cursor.line(1, true), inDiff),
    key('shrink', 'Choose one line less', ['Shift+ArrowUp'], () => cursor.line(-1, true), inDiff),
    key(
      'turn',
      'Accept or reject the chosen lines',
      [' '],
      () => cursor.decideLines('turn'),
      () => inDiff() && decidable() && review.diff?.selection != null,
    ),
    key(
      'comment',
      'Comment on the chosen lines',
      ['c'],
      () => cursor.comment(),
      () => onFile() && (review.diff?.hunks.length ?? 0) > 0,
    ),
    key(
      'clear',
      'Choose nothing',
      ['Escape'],
      () => cursor.clear(),
      () => free() && review.diff?.selection != null,
    ),
    key('filter', 'Filter the files', ['/'], runs.filter, free),
    {
      id: 'review-copy-out',
      label: 'Copy out the accepted files',
      group,
      icon: FolderOutput,
      keys: ['Mod+Enter'],
      enabled: () => free() && (review.footer?.copied ?? 0) > 0 && review.operation === null,
      run: runs.copyOut,
    },
    {
      id: 'review-accept-all',
      label: 'Accept all but conflicts and files that run on your machine',
      group,
      icon: Check,
      enabled: () => review.files.length > 0,
      run: () => void review.decide({ on: 'all', accept: true }),
    },
    {
      id: 'review-capture',
      label: 'Capture the workspace again',
      group,
      icon: RefreshCw,
      enabled: () => review.operation === null,
      run: runs.capture,
    },
    {
      id: 'review-send',
      label: 'Send the comments to the agent',
      group,
      icon: Send,
      enabled: () => review.comments.unsent.length > 0,
      run: runs.send,
    },
    {
      id: 'review-markdown',
      label: 'Copy the comments as Markdown',
      group,
      icon: Copy,
      enabled: () => review.comments.all.length > 0,
      run: () => cursor.copy(review.comments.all),
    },
  ];
}
