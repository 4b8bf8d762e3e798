/** What a sandbox can be made from: ours, what the folder's own files ask for, or another image. */
import type { FolderImage, FolderImageKind } from '../../ipc';
import { shown } from '../../words/hidden';

/** `usual`, `folder:dockerfile`, `folder:devcontainer`, or `image:NAME`. */
export type Environment = string;
export const USUAL: Environment = 'usual';

export interface Choice {
  value: Environment;
  label: string;
  disabled?: boolean;
}

const FOLDER: Record<FolderImageKind, string> = {
  dockerfile: 'The folder\u2019s Dockerfile',
  devcontainer: 'The folder\u2019s devcontainer.json',
};

/** All that can be chosen; what cannot be used is there and says so below. */
export function choices(folder: FolderImage[], images: string[], inSettings: string | null): Choice[] {
  return [
    { value: USUAL, label: inSettings === null ? 'Built in' : `${shown(inSettings)} (from the settings)` },
    ...folder.map(({ kind, unusable }) => ({
      value: `folder:${kind}`,
      label: FOLDER[kind],
      disabled: unusable !== null,
    })),
    ...images
      .filter((image) => image !== inSettings)
      .map((image) => ({ value: `image:${image}`, label: shown(image) })),
  ];
}

/** The two fields of a request that say it. */
export function wanted(
  environment: Environment,
  inSettings: string | null,
): { image: string | null; image_from: FolderImageKind | null } {
  if (environment === 'folder:dockerfile') return { image: null, image_from: 'dockerfile' };
  if (environment === 'folder:devcontainer') return { image: null, image_from: 'devcontainer' };
  const image = environment.startsWith('image:') ? environment.slice('image:'.length) : inSettings;
  return { image, image_from: null };
}

/** What is chosen, if it is one of the folder's. */
export function folderImage(environment: Environment, folder: FolderImage[]): FolderImage | undefined {
  return folder.find(({ kind }) => environment === `folder:${kind}`);
}

/** What the choice means, in sentences; empty for what needs none. */
export function notes(image: FolderImage | undefined): string[] {
  if (image === undefined) return [];
  const file = shown(image.file.text);
  return [
    image.image === null
      ? `It is built from ${file} as it was handed over. Building runs its own steps on your container engine, before the fence: they can use the network and the images of this computer. At most 45 minutes, 20 GB.`
      : `${file} names ${shown(image.image)}, which must be on this computer.`,
    ...(image.not_obeyed.length > 0
      ? [`Not done of what it asks for: ${image.not_obeyed.map(shown).join(', ')}.`]
      : []),
  ];
}
