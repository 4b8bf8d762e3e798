/** The words beside shapes and letters. */
import type { ChangeStatus, NetworkMode, Phase, SandboxStatus } from '../ipc';

export const STATUS_WORDS: Record<SandboxStatus, string> = {
  working: 'Working',
  waiting: 'Waiting for you',
  idle: 'Idle',
  paused: 'Paused',
  stopped: 'Stopped',
  attention: 'Needs attention',
};

export const CHANGE_WORDS: Record<ChangeStatus | 'conflict', { letter: string; word: string }> = {
  added: { letter: 'A', word: 'Added' },
  modified: { letter: 'M', word: 'Modified' },
  deleted: { letter: 'D', word: 'Deleted' },
  renamed: { letter: 'R', word: 'Renamed' },
  mode: { letter: 'M', word: 'Mode changed' },
  type: { letter: 'T', word: 'Another kind of file' },
  conflict: { letter: 'C', word: 'Conflict' },
};

/** `preset`: the choice in one word, as of a phone's settings; *Balanced* is approved sites with the usual lists. */
export const NETWORK_WORDS: Record<NetworkMode, { name: string; preset: string; sentence: string }> = {
  offline: { name: 'Offline', preset: 'Locked down', sentence: 'Nothing goes in or out.' },
  approved: {
    name: 'Approved sites',
    preset: 'Balanced',
    sentence: 'The agent’s own service, package lists and sites you allow; you are asked about others.',
  },
  open: {
    name: 'Open',
    preset: 'Open',
    sentence: 'Any public site by its name, but nothing on your own network. You are asked about SSH (port 22).',
  },
};

export const PHASE_WORDS: Record<Phase, string> = {
  counting: 'Counting files',
  copying: 'Copying',
  baseline: 'Remembering how it was',
  image: 'Preparing the environment image',
  preparing: 'Preparing the sandbox',
  starting: 'Starting',
  capturing: 'Looking at the workspace',
  comparing: 'Comparing',
  staging: 'Preparing the copy',
  writing: 'Writing',
  restoring: 'Putting files back',
  removing: 'Removing',
};

/** The word that stands for every kind of network, status and change in filters. */
export const RUNS_HERE = 'runs on your machine';
