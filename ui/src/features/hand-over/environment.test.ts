import { describe, expect, it } from 'vitest';
import type { FolderImage } from '../../ipc';
import { choices, folderImage, notes, USUAL, wanted } from './environment';

const built: FolderImage = {
  kind: 'dockerfile',
  file: { text: 'Dockerfile' },
  image: null,
  not_obeyed: [],
  unusable: null,
};
const named: FolderImage = {
  kind: 'devcontainer',
  file: { text: '.devcontainer.json' },
  image: 'python:3',
  not_obeyed: ['mounts'],
  unusable: null,
};

describe('the environment of a new sandbox', () => {
  it('is the usual one first, then the folder\u2019s, then other images', () => {
    const all = choices([built, { ...named, unusable: 'it is no JSON' }], ['debian:12'], null);
    expect(all.map(({ value, disabled }) => [value, disabled ?? false])).toEqual([
      [USUAL, false],
      ['folder:dockerfile', false],
      ['folder:devcontainer', true],
      ['image:debian:12', false],
    ]);
  });

  it('becomes what is asked for', () => {
    expect(wanted(USUAL, null)).toEqual({ image: null, image_from: null });
    expect(wanted(USUAL, 'mine:1')).toEqual({ image: 'mine:1', image_from: null });
    expect(wanted('folder:devcontainer', 'mine:1')).toEqual({ image: null, image_from: 'devcontainer' });
    expect(wanted('image:a:b', null)).toEqual({ image: 'a:b', image_from: null });
  });

  it('says what building means, and what is not done', () => {
    expect(notes(folderImage('folder:dockerfile', [built]))[0]).toContain('before the fence');
    expect(notes(named).join(' ')).toContain('Not done of what it asks for: mounts.');
    expect(notes(folderImage(USUAL, [built]))).toEqual([]);
  });
});
