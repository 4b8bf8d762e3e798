/** Copy-out and its undo, with what is said at the end. */
import type { CopyOutReport } from '../../ipc';
import { backend } from '../../ipc/current';
import { app, newOperation } from '../../state/app.svelte';
import { attempt, undoCopyOut } from '../../state/sandbox-actions';
import { toasts } from '../../state/toasts.svelte';
import { count } from '../../words/count';
import { withHome } from '../../words/path';
import type { ReviewState } from './review.svelte';

export async function copyOut(review: ReviewState): Promise<void> {
  const { review: capture } = review;
  if (!capture || review.operation !== null || !review.footer || review.footer.copied === 0) return;
  const id = newOperation();
  review.operation = { id, what: 'copy-out' };
  if (await review.settled()) {
    await attempt(async () => say(review, await backend().copyOut(review.sandbox, capture.capture, id)));
  }
  review.operation = null;
  await review.load(false);
}

function say(review: ReviewState, report: CopyOutReport): void {
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
    action: { label: 'Undo', run: () => void undoCopyOut(review.sandbox, report.id) },
  });
}

export async function saveElsewhere(review: ReviewState, what: 'patch' | 'folder' | 'branch'): Promise<void> {
  const { review: capture } = review;
  if (!capture || review.operation !== null || !(await review.settled())) return;
  await attempt(async () => {
    if (what === 'branch') {
      const { name, files } = await backend().saveBranch(review.sandbox, capture.capture, newOperation());
      toasts.show(
        `Saved ${count(files, 'file')} as the branch ${name}. Your files and your own branch are as before.`,
        {
          action: { label: 'Copy the name', run: () => void attempt(() => backend().copyText(name)) },
        },
      );
      return;
    }
    const path =
      what === 'patch'
        ? await backend().savePatch(review.sandbox, capture.capture)
        : await backend().saveToFolder(review.sandbox, capture.capture, newOperation());
    saved(path);
  });
}

/** What the agent committed in the sandbox. It is the agent's word: to be read before anybody applies it. */
export async function saveCommits(sandbox: string): Promise<void> {
  await attempt(async () => saved(await backend().saveCommits(sandbox)));
}

function saved(path: string | null): void {
  if (path === null) return;
  toasts.show(`Saved to ${withHome(path, app.home)}`, {
    action: { label: 'Show', run: () => void attempt(() => backend().openInFileManager(path)) },
  });
}
