/** Sizes of the panels and what was looked at last; remembered. In rem. */
import { Remembered } from './remembered.svelte';
import type { Tab } from './router.svelte';

const side = new Remembered('side', 14.5);
const panel = new Remembered('panel', 17.5);
const tree = new Remembered('review-tree', 19);
const folded = new Remembered('folded', false);
const last = new Remembered<string | null>('last-sandbox', null);
const tab = new Remembered<Tab>('last-tab', 'work');

class Layout {
  get side(): number {
    return side.value;
  }
  set side(value: number) {
    side.value = value;
  }
  /** The file panel beside the terminal. */
  get panel(): number {
    return panel.value;
  }
  set panel(value: number) {
    panel.value = value;
  }
  /** The tree of the review. */
  get tree(): number {
    return tree.value;
  }
  set tree(value: number) {
    tree.value = value;
  }
  /** The sandbox list is folded to a rail by hand. */
  get folded(): boolean {
    return folded.value;
  }
  set folded(value: boolean) {
    folded.value = value;
  }
  /** The part of a sandbox that was looked at last. */
  get lastTab(): Tab {
    return tab.value;
  }
  set lastTab(value: Tab) {
    tab.value = value;
  }
  get lastSandbox(): string | null {
    return last.value;
  }
  set lastSandbox(value: string | null) {
    last.value = value;
  }
}

export const layout = new Layout();
