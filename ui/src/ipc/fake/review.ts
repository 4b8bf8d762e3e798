/** Review, to be filled. */
import type { Part } from './part';
import type { World } from './world';

type Names =
  | 'review'
  | 'fileDiff'
  | 'unchangedLines'
  | 'reviewImage'
  | 'decide'
  | 'conflict'
  | 'resolveConflict'
  | 'copyOut'
  | 'undoCopyOut'
  | 'copyOuts'
  | 'savePatch'
  | 'saveToFolder';

export function fakeReview(world: World): Part<Names> {
  const nothing = (): Promise<never> => world.fail('not_supported', 'The fake backend cannot do this yet.');
  return {
    review: nothing,
    fileDiff: nothing,
    unchangedLines: nothing,
    reviewImage: nothing,
    decide: nothing,
    conflict: nothing,
    resolveConflict: nothing,
    copyOut: nothing,
    undoCopyOut: nothing,
    copyOuts: nothing,
    savePatch: nothing,
    saveToFolder: nothing,
  };
}
