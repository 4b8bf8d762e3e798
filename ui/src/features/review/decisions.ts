/** What decisions add up to: lines to a hunk, hunks to a file, files to the sentence in the footer. */
import type { Decide, Decision, DiffHunk, Review, ReviewFile } from '../../ipc';
import { isBarred, isRisky, isUndecided } from './filter';

export type Tick = 'on' | 'mixed' | 'off';

export function tickOf(decision: Decision): Tick {
  return decision === 'accepted' ? 'on' : decision === 'partly' ? 'mixed' : 'off';
}

/** One decision over many: the same everywhere, or in part. */
export function sumDecisions(decisions: Iterable<Decision>): Decision {
  let sum: Decision | null = null;
  for (const decision of decisions) {
    if (decision === 'partly') return 'partly';
    if (sum === null) sum = decision;
    else if (sum !== decision) {
      // Rejected beside undecided copies nothing yet: no dash, still undecided.
      if (sum === 'accepted' || decision === 'accepted') return 'partly';
      sum = 'undecided';
    }
  }
  return sum ?? 'undecided';
}

function decideHunk(hunk: DiffHunk, accept: boolean): DiffHunk {
  return {
    ...hunk,
    decision: accept ? 'accepted' : 'rejected',
    lines: hunk.lines.map((line) => ({ ...line, accepted: accept })),
  };
}

function decideLines(hunk: DiffHunk, indices: readonly number[], accept: boolean): DiffHunk {
  const chosen = new Set(indices);
  const undecided = hunk.decision === 'undecided';
  const lines = hunk.lines.map((line, at) => {
    if (line.kind === 'context') return line;
    if (chosen.has(at)) return { ...line, accepted: accept };
    // The first word on one line of an untouched hunk leaves the others out of the copy-out when it accepts, and in when it rejects.
    return undecided ? { ...line, accepted: !accept } : line;
  });
  const changed = lines.filter((line) => line.kind !== 'context');
  const accepted = changed.filter((line) => line.accepted).length;
  const decision: Decision = accepted === 0 ? 'rejected' : accepted === changed.length ? 'accepted' : 'partly';
  return { ...hunk, lines, decision };
}

/** The hunks after a decision, as the engine will answer; hunks it does not touch stay the same objects. */
export function decideHunks(hunks: readonly DiffHunk[], decide: Decide): DiffHunk[] {
  return hunks.map((hunk) => {
    if (decide.on === 'file') return decideHunk(hunk, decide.accept);
    if (decide.on === 'hunk' && decide.hunk === hunk.id) return decideHunk(hunk, decide.accept);
    if (decide.on === 'lines' && decide.hunk === hunk.id) return decideLines(hunk, decide.lines, decide.accept);
    return hunk;
  });
}

/** Files that *Accept all* takes. */
export function takenByAll(file: ReviewFile): boolean {
  return !file.conflict && !isBarred(file) && !isRisky(file);
}

/** The tick above the list: on when everything *Accept all* takes is accepted. */
export function tickOfAll(files: readonly ReviewFile[]): Tick {
  let accepted = 0;
  let rest = 0;
  for (const file of files) {
    if (file.decision === 'accepted') accepted += 1;
    else if (file.decision === 'partly') return 'mixed';
    else rest += 1;
  }
  return accepted === 0 ? 'off' : rest === 0 ? 'on' : 'mixed';
}

export function willBeCopied(file: ReviewFile): boolean {
  return !file.conflict && !isBarred(file) && (file.decision === 'accepted' || file.decision === 'partly');
}

export type Footer = {
  copied: number;
  conflicts: ReviewFile[];
  /** Files that run on the user's machine and were not decided. */
  look: ReviewFile[];
  refused: ReviewFile[];
  /** Files that the disk of the user's folder cannot take. */
  unfit: ReviewFile[];
  /** Accepted files that were written to while captured. */
  torn: ReviewFile[];
  merged: number;
};

/** What the footer says will happen. */
export function footer(review: Review): Footer {
  const said: Footer = { copied: 0, conflicts: [], look: [], refused: [], unfit: [], torn: [], merged: 0 };
  for (const file of review.files) {
    if (willBeCopied(file)) {
      said.copied += 1;
      if (file.merges_cleanly) said.merged += 1;
      if (file.torn) said.torn.push(file);
    }
    if (file.refused !== null) said.refused.push(file);
    else if (file.unfit !== undefined) {
      if (file.decision !== 'rejected') said.unfit.push(file);
    } else if (file.conflict && file.decision !== 'rejected') said.conflicts.push(file);
    else if (isRisky(file) && isUndecided(file)) said.look.push(file);
  }
  return said;
}

/** Lines added and deleted over all files; binary ones have none. */
export function lineTotals(files: readonly ReviewFile[]): { additions: number; deletions: number } {
  let additions = 0;
  let deletions = 0;
  for (const file of files) {
    additions += file.additions ?? 0;
    deletions += file.deletions ?? 0;
  }
  return { additions, deletions };
}
