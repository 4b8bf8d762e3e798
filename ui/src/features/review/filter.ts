/** Which changed files are shown. */
import type { ReviewFile, ReviewFilters, ReviewOnly, ShownStatus } from '../../ipc';

export const noFilters: ReviewFilters = { query: '', only: 'all', status: [], risky: false };

export function isRisky(file: ReviewFile): boolean {
  return file.risks.length > 0;
}

/** Nothing that is decided here brings it into the folder: never copied, or not for this disk. */
export function isBarred(file: ReviewFile): boolean {
  return file.refused !== null || file.unfit !== undefined;
}

/** What is still the user's to say: nothing decided, and not barred. */
export function isUndecided(file: ReviewFile): boolean {
  return !isBarred(file) && (file.conflict || file.decision === 'undecided');
}

/** The letter's meaning: a conflict hides the kind of change, as it does in the list. */
export function shownStatus(file: ReviewFile): ShownStatus {
  return file.conflict ? 'conflict' : file.status;
}

function hasWords(file: ReviewFile, query: string): boolean {
  const path = file.path.text.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => path.includes(word));
}

/** The files that pass. The selected one may be kept although it no longer does, so that it is not pulled away while read. */
export function filterFiles(files: readonly ReviewFile[], filters: ReviewFilters, keep?: ReviewFile): ReviewFile[] {
  const query = filters.query.trim();
  return files.filter((file) => {
    if (query && !hasWords(file, query)) return false;
    if (filters.status.length > 0 && !filters.status.includes(shownStatus(file))) return false;
    if (filters.risky && !isRisky(file)) return false;
    if (file === keep) return true;
    if (filters.only === 'unviewed') return !file.viewed;
    if (filters.only === 'undecided') return isUndecided(file);
    return true;
  });
}

/** The counts that stand on the filter's buttons. */
export function filterCounts(files: readonly ReviewFile[]): Record<ReviewOnly, number> {
  let unviewed = 0;
  let undecided = 0;
  for (const file of files) {
    if (!file.viewed) unviewed += 1;
    if (isUndecided(file)) undecided += 1;
  }
  return { all: files.length, unviewed, undecided };
}
