/** The reviews that were looked at last, so that one is there at once when its tab is opened. */
import { ReviewState } from './review.svelte';

/** As many as a person goes back and forth between. */
const MOST = 3;
const kept = new Map<string, { review: ReviewState; drop: () => void }>();

/** The review of a sandbox as it was left, or a new one that knows nothing yet. */
export function reviewOf(sandbox: string): ReviewState {
  const one = kept.get(sandbox) ?? made(sandbox);
  // The one looked at last stands at the end.
  kept.delete(sandbox);
  kept.set(sandbox, one);
  for (const [oldest, { drop }] of kept) {
    if (kept.size <= MOST) break;
    kept.delete(oldest);
    drop();
  }
  return one.review;
}

/** Lets go of all. */
export function forgetReviews(): void {
  for (const { drop } of kept.values()) drop();
  kept.clear();
}

/** Belongs to no component: what is derived in it stays right when the tab is left. */
function made(sandbox: string): { review: ReviewState; drop: () => void } {
  let review: ReviewState | undefined;
  const drop = $effect.root(() => {
    review = new ReviewState(sandbox);
  });
  return { review: review!, drop };
}
