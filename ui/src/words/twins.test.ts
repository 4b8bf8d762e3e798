import { describe, expect, it } from 'vitest';
import { sampleRows } from '../ipc/fake/rows';
import { twinsOf, twinsWarning } from './twins';

describe('sandboxes of one project', () => {
  const rows = sampleRows('twins');
  const [rye] = rows;
  if (!rye) throw new Error('no sandbox');

  it('are those with the same folder, not the same name', () => {
    expect(twinsOf(rye, rows).map((row) => row.name)).toEqual(['rye-and-salt-2']);
    expect(twinsOf({ ...rye, project: '/elsewhere' }, rows)).toEqual([]);
  });

  it('warn each other only where there is something to copy out', () => {
    const twins = twinsOf(rye, rows);
    expect(twinsWarning(twins)?.text).toContain('with 3 changed files');
    expect(twinsWarning(twins.map((row) => ({ ...row, changed: 0 })))).toBeNull();
    expect(twinsWarning([])).toBeNull();
  });
});
