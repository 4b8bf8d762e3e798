import { describe, expect, it } from 'vitest';
import { findPages, pageOf, shares } from './rows';

describe('settings', () => {
  it('are found by what they are about, not only by the name of their page', () => {
    expect(findPages('docker').map((page) => page.id)).toEqual(['engine']);
    expect(findPages('DARK').map((page) => page.id)).toEqual(['general']);
    expect(findPages('nothing like it')).toEqual([]);
    expect(pageOf('disk')).toBe('disk');
    expect(pageOf('gone')).toBe('general');
  });

  it('show every part of the disk use, and all of it', () => {
    const parts = shares([
      { name: 'large', bytes: 1e12, tone: 1 },
      { name: 'small', bytes: 1, tone: 2 },
      { name: 'none', bytes: 0, tone: 3 },
    ]);
    expect(parts.map((part) => part.name)).toEqual(['large', 'small']);
    expect(parts[1]?.share).toBeGreaterThan(0.4);
    expect(parts.reduce((sum, part) => sum + part.share, 0)).toBeCloseTo(100);
    expect(shares([])).toEqual([]);
  });
});
