/** Settings work at once: each change is saved whole. */
import type { Settings } from '../../ipc';
import { app } from '../../state/app.svelte';

export function change(part: Partial<Settings>): void {
  if (app.settings) void app.saveSettings({ ...$state.snapshot(app.settings), ...part });
}
