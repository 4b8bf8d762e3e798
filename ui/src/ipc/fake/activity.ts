/** Activity, to be filled. */
import type { Part } from './part';
import type { World } from './world';

type Names = 'activity';

export function fakeActivity(world: World): Part<Names> {
  const nothing = (): Promise<never> => world.fail('not_supported', 'The fake backend cannot do this yet.');
  return {
    activity: nothing,
  };
}
