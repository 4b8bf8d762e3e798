/** Copy-out and its undo, with what is said at the end. */
import type { CopyOutReport } from '../../ipc';
import { backend } from '../../ipc/current';
import { app, newOperation } from '../../state/app.svelte';
import { attempt } from '../../state/sandbox-actions';
import { toasts } from '../../state/toasts.svelte';
import { count } from '../../words/count';
import { withHome } from '../../words/path';
import type { ReviewState } from './review.svelte';

export async function copyOut(review: ReviewState): Promise<void> {
  const { review: capture } = review;
  if (!capture || review.operation !== null || !review.footer || review.footer.copied === 0) return;
  const id = newOperation();
  review.operation = { id, what: 'copy-out' };
  await attempt(async () => say(review, id, await backend().copyOut(review.sandbox, capture.capture, id)));
  review.operation = null;
  await review.load(false);
}

function say(review: ReviewState, operation: string, report: CopyOutReport): void {
  const [first] = report.conflicts;
  if (first) {
    const files = count(report.conflicts.length, 'file');
    toasts.show(`Nothing was copied: your project changed in ${files} since the capture.`, {
      tone: 'notice',
      action: { label: 'Show', run: () => review.selectPath(first) },
    });
    return;
  }
  const merged = report.merged.length > 0 ? `, ${report.merged.length} merged with yours` : '';
  const skipped = report.skipped.length > 0 ? `, ${report.skipped.length} left out` : '';
  const copied = report.applied.length + report.merged.length;
  toasts.show(`Copied ${count(copied, 'file')}${merged}${skipped}`, {
    action: { label: 'Undo', run: () => void undo(review.sandbox, operation) },
  });
}

/** Takes a copy-out back by its operation; the engine refuses where the user has edited since. */
async function undo(sandbox: string, operation: string): Promise<void> {
  await attempt(async () => {
    const report = await backend().undoCopyOut(sandbox, operation);
    if (report.conflicts.length > 0) {
      const files = count(report.conflicts.length, 'file');
      toasts.show(`Not undone: you changed ${files} after the copy-out. Nothing was touched.`, { tone: 'notice' });
    } else toasts.show('The copy-out was undone');
  });
}

export async function saveElsewhere(review: ReviewState, what: 'patch' | 'folder'): Promise<void> {
  const { review: capture } = review;
  if (!capture || review.operation !== null) return;
  await attempt(async () => {
    const path =
      what === 'patch'
        ? await backend().savePatch(review.sandbox, capture.capture)
        : await backend().saveToFolder(review.sandbox, capture.capture, newOperation());
    if (path === null) return;
    toasts.show(`Saved to ${withHome(path, app.home)}`, {
      action: { label: 'Show', run: () => void attempt(() => backend().openInFileManager(path)) },
    });
  });
}
