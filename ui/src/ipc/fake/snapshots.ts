/** Snapshots, to be filled. */
import type { Part } from './part';
import type { World } from './world';

type Names =
  'snapshots' | 'takeSnapshot' | 'nameSnapshot' | 'deleteSnapshot' | 'compare' | 'compareDiff' | 'putBack' | 'reset';

export function fakeSnapshots(world: World): Part<Names> {
  const nothing = (): Promise<never> => world.fail('not_supported', 'The fake backend cannot do this yet.');
  return {
    snapshots: nothing,
    takeSnapshot: nothing,
    nameSnapshot: nothing,
    deleteSnapshot: nothing,
    compare: nothing,
    compareDiff: nothing,
    putBack: nothing,
    reset: nothing,
  };
}
