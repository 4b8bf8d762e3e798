/** Why a sandbox needs attention, in a line and with what is offered. */
import type { Attention } from '../ipc';
import { count } from './count';
import { wordsFor } from './errors';
import { size } from './size';

export function attentionWords(attention: Attention): string {
  switch (attention.kind) {
    case 'out_of_memory':
      return `Ran out of memory (${size(attention.limit)})`;
    case 'disk_low':
      return `Paused: only ${size(attention.free)} left on the disk`;
    case 'workspace_large':
      return `Paused: the workspace is larger than ${size(attention.limit)}, or has more than ${count(attention.files, 'file')}`;
    case 'interrupted':
      return 'Stopped in the middle of something';
    case 'failed':
      return wordsFor(attention.error).title;
  }
}
