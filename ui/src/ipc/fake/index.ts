/** A backend that lives in the page: for the plain browser, the pictures and the component tests. */
import type { Backend } from '../backend';
import { fakeActivity } from './activity';
import { fakeApp } from './app';
import { fakeHandOver } from './handover';
import { fakeKeys } from './keys';
import { fakeLogIns } from './logIns';
import { fakeNetwork } from './network';
import { fakePorts } from './ports';
import { fakeReview } from './review';
import { fakeSandboxes } from './sandboxes';
import { fakeSettings } from './settings';
import { fakeSnapshots } from './snapshots';
import { fakeTerminals } from './terminals';
import { World, type FakeOptions } from './world';

export type { FakeOptions } from './world';

/** The backend, and the world behind it for tests that make something happen. */
export function fakeBackend(options: Partial<FakeOptions> = {}): { backend: Backend; world: World } {
  const world = new World(options);
  const backend: Backend = {
    ...fakeApp(world),
    ...fakeSettings(world),
    ...fakeHandOver(world),
    ...fakeSandboxes(world),
    ...fakeTerminals(world),
    ...fakeReview(world),
    ...fakeSnapshots(world),
    ...fakeActivity(world),
    ...fakeNetwork(world),
    ...fakePorts(world),
    ...fakeKeys(world),
    ...fakeLogIns(world),
  };
  return { backend, world };
}
