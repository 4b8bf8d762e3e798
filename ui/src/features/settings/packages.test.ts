import { describe, expect, it } from 'vitest';
import { packageNames } from './packages';

describe('names of packages', () => {
  it('are taken as people separate them', () => {
    expect(packageNames(' ffmpeg, g++\nlibgtk-3-dev ')).toEqual({
      names: ['ffmpeg', 'g++', 'libgtk-3-dev'],
      wrong: null,
    });
    expect(packageNames('')).toEqual({ names: [], wrong: null });
  });

  it('are nothing else', () => {
    expect(packageNames('ffmpeg -y').wrong).toBe('-y');
    expect(packageNames('a;b').wrong).toBe('a;b');
    expect(packageNames('FFmpeg').wrong).toBe('FFmpeg');
  });
});
