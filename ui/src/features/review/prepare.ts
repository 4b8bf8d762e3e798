/** What is done before the tab is opened, so that it is there at once. */
import { mount, unmount, type Component } from 'svelte';
import DiffPane from './DiffPane.svelte';
import FileTree from './FileTree.svelte';
import { reviewOf } from './kept-reviews.svelte';
import { LineCursor } from './line-cursor.svelte';
import type { ReviewState } from './review.svelte';

let rehearsed = false;

/** Reads what is there of a sandbox's review, and draws it once out of sight. */
export async function prepare(sandbox: string): Promise<void> {
  const review = reviewOf(sandbox);
  await review.prepare();
  await rehearse(review);
}

/**
 * The first drawing of a list and a diff takes twice as long as any later one: their code is compiled by it, and their
 * letters are drawn. It is done once beforehand, where nobody sees it, so that the first review opens like the others.
 */
async function rehearse(review: ReviewState): Promise<void> {
  const { file } = review;
  if (rehearsed || !file) return;
  rehearsed = true;
  const cursor = new LineCursor(review);
  const nothing = (): void => undefined;
  const callbacks = { onopen: nothing, onresolve: nothing, onrecapture: nothing, onsend: nothing };
  await drawn(FileTree, { state: review, ...callbacks });
  await drawn(DiffPane, { state: review, file, cursor, narrow: false, ...callbacks });
}

async function drawn<Props extends Record<string, unknown>>(part: Component<Props>, props: Props): Promise<void> {
  const target = document.createElement('div');
  target.inert = true;
  // Below the window's own ground: painted, and covered by it. As in the review, the part is as high as its place.
  target.style.cssText =
    'position: fixed; inset: 0; z-index: -1; contain: strict; display: grid; grid-template: minmax(0, 1fr) / minmax(0, 1fr)';
  document.body.append(target);
  const made = mount(part, { target, props });
  await new Promise((resolve) => requestAnimationFrame(resolve));
  await unmount(made);
  target.remove();
}
