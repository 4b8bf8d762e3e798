/** One table from the closed error code to how the window says it. Exhaustive: a new code is a compile error. */
import type { ErrorCode, WireError } from '../ipc';

/** `notice`: what the user asked for could not be done; `failure`: something is wrong; `quiet`: nothing to say. */
export type Severity = 'quiet' | 'notice' | 'failure';

/** What the window offers beside the words; null: nothing but to close. */
export type ErrorAction = 'check-again' | 'retry' | 'capture-again' | 'free-space' | 'prepare-image' | 'start' | null;

interface Words {
  severity: Severity;
  title: string;
  action: ErrorAction;
}

const TABLE: Record<ErrorCode, Words> = {
  invalid_request: { severity: 'notice', title: 'That cannot be done', action: null },
  project_unusable: { severity: 'notice', title: 'This folder cannot be handed over', action: null },
  not_found: { severity: 'notice', title: 'Not there any more', action: null },
  name_taken: { severity: 'notice', title: 'The name is taken', action: null },
  busy: { severity: 'notice', title: 'Busy with something else', action: 'retry' },
  cancelled: { severity: 'quiet', title: 'Cancelled', action: null },
  conflict: { severity: 'notice', title: 'Your project changed too', action: 'capture-again' },
  disk_full: { severity: 'failure', title: 'The disk is full', action: 'free-space' },
  engine_not_installed: { severity: 'failure', title: 'No container engine found', action: 'check-again' },
  engine_not_running: { severity: 'failure', title: 'The container engine is not running', action: 'check-again' },
  engine_no_permission: {
    severity: 'failure',
    title: 'Your account may not use the container engine',
    action: 'check-again',
  },
  engine_unsupported: { severity: 'failure', title: 'The container engine is too old', action: 'check-again' },
  engine_timeout: { severity: 'failure', title: 'The container engine does not answer', action: 'check-again' },
  engine_failed: { severity: 'failure', title: 'The container engine could not do it', action: 'retry' },
  not_running: { severity: 'notice', title: 'The sandbox is not running', action: 'start' },
  image_unavailable: { severity: 'failure', title: 'The environment image is not there', action: 'prepare-image' },
  not_supported: { severity: 'notice', title: 'Not there yet', action: null },
  fence_open: { severity: 'failure', title: 'The fence is not closed', action: 'check-again' },
  data_damaged: { severity: 'failure', title: 'Some stored data is damaged', action: null },
  io: { severity: 'failure', title: 'A file could not be read or written', action: 'retry' },
  internal: { severity: 'failure', title: 'Something went wrong in the app', action: 'retry' },
};

export function wordsFor(error: WireError): Words {
  return TABLE[error.code] ?? TABLE.internal;
}

/** Whatever a promise rejected with, as a `WireError`. */
export function asWireError(cause: unknown): WireError {
  if (isWireError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return { code: 'internal', message: 'The window met something it did not expect.', details: message };
}

/** The text of *Copy details*. */
export function detailsText(error: WireError): string {
  const lines = [wordsFor(error).title, error.message, error.safe, error.fix, `Code: ${error.code}`, error.details];
  return lines.filter(Boolean).join('\n');
}

function isWireError(cause: unknown): cause is WireError {
  if (typeof cause !== 'object' || cause === null) return false;
  const { code, message } = cause as Record<string, unknown>;
  return typeof code === 'string' && code in TABLE && typeof message === 'string';
}
