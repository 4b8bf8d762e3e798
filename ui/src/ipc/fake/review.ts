/** Review and copy-out of the made-up backend. Decisions, conflicts and copy-outs behave as the real ones do. */
import type {
  CopyOutReport,
  Decide,
  Decision,
  DiffHunk,
  Event,
  FileDiff,
  FileView,
  MergePiece,
  Review,
  ReviewFile,
  WirePath,
} from '../index';
import type { Part } from './part';
import { picture } from './picture';
import { diffLines } from './reviewDiff';
import { moreFiles } from './reviewMore';
import { hostileFiles, hugeHunk, hugeHunks, hugeLines, manyFiles } from './reviewScale';
import { HOME } from './rows';
import { openingHours, ryeAndSalt, type FakeFile } from './reviewTexts';
import type { World } from './world';

type Names =
  | 'review'
  | 'fileDiff'
  | 'acceptedDiff'
  | 'unchangedLines'
  | 'reviewImage'
  | 'decide'
  | 'changedSince'
  | 'rememberFilters'
  | 'conflict'
  | 'resolveConflict'
  | 'copyOut'
  | 'undoCopyOut'
  | 'redoCopyOut'
  | 'bringIn'
  | 'undoBringIn'
  | 'copyOuts'
  | 'savePatch'
  | 'saveToFolder'
  | 'saveBranch'
  | 'saveCommits';

const captured = new Date();
captured.setHours(14, 45, 0, 0);

function hunksOf(file: FakeFile, context = 3): DiffHunk[] {
  return diffLines(file.old, file.now, context, file.hunks ?? [file.decision]);
}

function count(hunks: DiffHunk[], kind: 'added' | 'deleted'): number {
  return hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.kind === kind).length, 0);
}

function toReviewFile(file: FakeFile): ReviewFile {
  const hunks = file.sizes ? null : hunksOf(file);
  return {
    path: { text: file.path },
    ...(file.copiedFrom === undefined ? {} : { copied_from: { text: file.copiedFrom } }),
    ...(file.unfit === undefined ? {} : { unfit: file.unfit }),
    status: file.status,
    kind: 'file',
    binary: file.sizes !== undefined,
    additions: hunks && count(hunks, 'added'),
    deletions: hunks && count(hunks, 'deleted'),
    old_size: file.sizes?.[0] ?? file.old?.length ?? 0,
    new_size: file.sizes?.[1] ?? file.now?.length ?? 0,
    risks: file.risks ?? [],
    refused: null,
    conflict: file.conflict ?? false,
    merges_cleanly: false,
    torn: false,
    decision: file.decision,
    viewed: file.viewed ?? false,
    comments: 0,
  };
}

function mergePieces(): MergePiece[] {
  const lines = openingHours.base.split('\n');
  return [
    { kind: 'same', lines: lines.slice(0, 7) },
    { kind: 'clean', from: 'yours', lines: [(lines[7] ?? '').replace('18:00', '19:00')], base: lines.slice(7, 8) },
    {
      kind: 'conflict',
      yours: [(lines[8] ?? '').replace('13:00', '12:30')],
      agents: [(lines[8] ?? '').replace('07:00', '06:30').replace('13:00', '14:00')],
      base: lines.slice(8, 9),
    },
    { kind: 'clean', from: 'agents', lines: openingHours.holidays.trimEnd().split('\n'), base: lines.slice(9, 10) },
    { kind: 'same', lines: lines.slice(10, 11) },
  ];
}

function decideFile(file: ReviewFile, decide: Decide, hunks: DiffHunk[] | undefined): ReviewFile {
  if (decide.on === 'viewed') return { ...file, viewed: decide.viewed };
  if (decide.on === 'file' || decide.on === 'all')
    return { ...file, decision: decide.accept ? 'accepted' : 'rejected' };
  const decisions = new Set(hunks?.map((hunk) => hunk.decision));
  const [only] = decisions;
  const decision: Decision =
    decisions.size === 1 && only ? only : decisions.has('accepted') || decisions.has('partly') ? 'partly' : 'undecided';
  return { ...file, decision };
}

function decideOnHunk(hunk: DiffHunk, decide: Decide): DiffHunk {
  if (decide.on === 'viewed') return hunk;
  if ('hunk' in decide && decide.hunk !== hunk.id) return hunk;
  const lines = hunk.lines.map((line, at) => {
    if (decide.on !== 'lines') return { ...line, accepted: decide.accept };
    if (line.kind === 'context') return line;
    if (decide.lines.includes(at)) return { ...line, accepted: decide.accept };
    return hunk.decision === 'undecided' ? { ...line, accepted: !decide.accept } : line;
  });
  const changed = lines.filter((line) => line.kind !== 'context');
  const accepted = changed.filter((line) => line.accepted).length;
  const decision: Decision = accepted === changed.length ? 'accepted' : accepted === 0 ? 'rejected' : 'partly';
  return { ...hunk, lines, decision };
}

function reportOf(id: string, files: ReviewFile[], capture: string | null): CopyOutReport {
  return { id, capture, applied: files.map((file) => file.path), merged: [], conflicts: [], skipped: [] };
}

/** The parts of `Backend` for the review. */
export function fakeReview(world: World): Part<Names> {
  const emit = (event: Event): void => world.emit(event);
  const wait = (): Promise<void> => world.pass(world.options.latency);
  const source = world.is('large')
    ? manyFiles(5000)
    : world.is('unchanged')
      ? []
      : world.is('hostile')
        ? hostileFiles()
        : world.is('more')
          ? moreFiles()
          : ryeAndSalt;
  const texts = new Map(source.map((file) => [file.path, file]));
  const hunks = new Map<string, DiffHunk[]>();
  const files = source.map(toReviewFile);
  if (world.is('huge'))
    files.unshift({
      ...toReviewFile(ryeAndSalt[0] as FakeFile),
      path: { text: 'data/export.csv' },
      risks: [],
      additions: hugeHunks * 10,
      deletions: hugeHunks * 10,
      new_size: 9_800_000,
    });
  let state: Review = {
    capture: 'c1',
    base: 'b1',
    taken: captured.getTime(),
    project: `${HOME}/Sites/rye-and-salt`,
    files,
    left_out: 2,
    incomplete: false,
    changed_since: world.is('more') ? 3 : 0,
    filters: { query: '', only: 'all', status: [], risky: false },
  };
  let undone: ReviewFile[] = [];
  let copied: ReviewFile[] = [];
  const done: { id: string; time: number; files: number; undone: boolean }[] = [];

  const hunksFor = (path: string): DiffHunk[] => {
    let known = hunks.get(path);
    const text = texts.get(path);
    if (!known && text) hunks.set(path, (known = hunksOf(text)));
    return known ?? [];
  };
  const change = (path: WirePath, how: (file: ReviewFile) => ReviewFile) => {
    state = { ...state, files: state.files.map((file) => (file.path.text === path.text ? how(file) : file)) };
  };
  const decideOne = (decide: Decide) => {
    if (decide.on === 'all') {
      for (const file of state.files) {
        if (!file.conflict && file.risks.length === 0 && file.refused === null && file.unfit === undefined)
          decideOne({ on: 'file', path: file.path, accept: decide.accept });
      }
      return;
    }
    if (decide.on !== 'viewed')
      hunks.set(
        decide.path.text,
        hunksFor(decide.path.text).map((hunk) => decideOnHunk(hunk, decide)),
      );
    change(decide.path, (file) => decideFile(file, decide, hunks.get(decide.path.text)));
  };
  const report = async (operation: string, phases: ('staging' | 'writing')[], total: number) => {
    for (const phase of phases) {
      for (let at = 0; at <= 4; at += 1) {
        await wait();
        // A picture is taken of the middle of it.
        if (world.is('copying') && phase === 'staging' && at === 3) await new Promise(() => undefined);
        emit({
          type: 'progress',
          report: {
            operation,
            phase,
            entries: Math.round((total * at) / 4),
            entries_total: total,
            bytes: 0,
            bytes_total: 0,
            seconds_left: null,
          },
        });
      }
    }
  };

  return {
    async review(_sandbox, fresh) {
      await wait();
      if (fresh) state = { ...state, capture: `${state.capture}+`, changed_since: 0 };
      return state;
    },
    async fileDiff(_sandbox, _capture, path, options): Promise<FileDiff> {
      await wait();
      if (path.text === 'data/export.csv') {
        const from = options.from_hunk;
        const max = options.max_hunks || 200;
        const some = Array.from({ length: Math.max(0, Math.min(max, hugeHunks - from)) }, (_, at) =>
          hugeHunk(from + at),
        );
        return {
          kind: 'text',
          hunks: some,
          old_total: hugeLines,
          new_total: hugeLines,
          more_hunks: hugeHunks - from - some.length,
          notes: [],
          hidden: [],
          left_out: 0,
          made_by: null,
        };
      }
      const file = texts.get(path.text);
      if (file?.sizes)
        return {
          kind: 'image',
          old: file.sizes[0] > 0,
          new: file.sizes[1] > 0,
          old_size: file.sizes[0],
          new_size: file.sizes[1],
        };
      const lines = (text: string | null | undefined) => (text ? text.split('\n').length - 1 : 0);
      return {
        kind: 'text',
        hunks: hunksFor(path.text),
        old_total: lines(file?.old),
        new_total: lines(file?.now),
        more_hunks: 0,
        notes: file?.notes ?? [],
        hidden: [],
        left_out: 0,
        made_by: file?.madeBy ?? (path.text.endsWith('package-lock.json') ? 'package_manager' : null),
      };
    },
    async acceptedDiff(_sandbox, _capture, path) {
      await wait();
      const file = texts.get(path.text);
      const all = diffLines(file?.old ?? null, file?.now ?? null, 1e6, ['undecided'])[0]?.lines ?? [];
      const chosen = hunksFor(path.text).flatMap((hunk) => hunk.lines);
      const accepted = (kind: string, number: number | null) =>
        chosen.some(
          (line) => line.kind === kind && line.accepted && (kind === 'added' ? line.new : line.old) === number,
        );
      const result = all
        .filter((line) =>
          line.kind === 'added'
            ? accepted('added', line.new)
            : line.kind === 'context' || !accepted('deleted', line.old),
        )
        .map((line) => `${line.text}\n`)
        .join('');
      const lines = result.split('\n').length - 1;
      return {
        kind: 'text',
        hunks: diffLines(file?.old ?? null, result, 3, ['undecided']),
        old_total: (file?.old ?? '').split('\n').length - 1,
        new_total: lines,
        more_hunks: 0,
        notes: [],
        hidden: [],
        left_out: 0,
        made_by: null,
      };
    },
    async unchangedLines(_sandbox, _capture, path, newFrom, count) {
      await wait();
      const file = texts.get(path.text);
      const now = (file?.now ?? '').split('\n');
      const all = file ? diffLines(file.old, file.now, 1e6, ['undecided'])[0]?.lines : undefined;
      const at = new Map(all?.map((line) => [line.new, line]));
      const lines = now.slice(newFrom - 1, newFrom - 1 + count).map((text, line) => ({
        kind: 'context' as const,
        old: at.get(newFrom + line)?.old ?? newFrom + line,
        new: newFrom + line,
        text,
        words: [],
        accepted: true,
        no_newline: false,
        cut: null,
      }));
      return { lines };
    },
    async reviewImage(_sandbox, _capture, path, side): Promise<FileView> {
      await wait();
      return {
        kind: 'image',
        mime: 'image/svg+xml',
        base64: picture(path.text, side),
        size: texts.get(path.text)?.sizes?.[side === 'old' ? 0 : 1] ?? 0,
        width: 640,
        height: 420,
      };
    },
    async decide(_sandbox, _capture, decisions) {
      await wait();
      decisions.forEach(decideOne);
      return state;
    },
    async changedSince() {
      await wait();
      return state.changed_since;
    },
    async rememberFilters(_sandbox, filters) {
      await wait();
      state = { ...state, filters };
    },
    async conflict(_sandbox, _capture, path) {
      await wait();
      const pieces = mergePieces();
      const whole = (side: 'yours' | 'agents') =>
        pieces
          .flatMap((piece) =>
            piece.kind === 'same'
              ? piece.lines
              : piece.kind === 'clean'
                ? piece.from === side
                  ? piece.lines
                  : piece.base
                : piece[side],
          )
          .join('\n') + '\n';
      return {
        path,
        text: true,
        yours: whole('yours'),
        yours_changed: captured.getTime() - 53 * 60_000,
        agents: whole('agents'),
        base: openingHours.base,
        pieces,
      };
    },
    async resolveConflict(_sandbox, _capture, path, resolution) {
      await wait();
      change(path, (file) => ({
        ...file,
        conflict: false,
        decision: resolution.take === 'yours' ? 'rejected' : 'accepted',
      }));
      return state;
    },
    async copyOut(sandbox, capture, operation): Promise<CopyOutReport> {
      const chosen = state.files.filter(
        (file) => !file.conflict && (file.decision === 'accepted' || file.decision === 'partly'),
      );
      await report(operation, ['staging', 'writing'], chosen.length);
      const left = state.files.filter((file) => !chosen.includes(file) || file.decision === 'partly');
      state = { ...state, base: `${state.base}+`, files: left };
      copied = chosen;
      done.unshift({ id: operation, time: Date.now(), files: chosen.length, undone: false });
      emit({ type: 'review', sandbox });
      return reportOf(operation, chosen, capture);
    },
    async undoCopyOut(sandbox, copyOut) {
      await wait();
      const entry = done.find((one) => one.id === copyOut) ?? done.find((one) => !one.undone);
      if (entry) entry.undone = true;
      undone = state.files;
      state = { ...state, files };
      emit({ type: 'review', sandbox });
      return reportOf('undo', files, null);
    },
    async redoCopyOut(sandbox) {
      await wait();
      const entry = done.find((one) => one.undone);
      if (entry) entry.undone = false;
      state = { ...state, files: undone };
      emit({ type: 'review', sandbox });
      return reportOf('redo', copied, null);
    },
    async bringIn(sandbox) {
      await wait();
      const conflicts = state.files.filter((file) => file.conflict).map((file) => file.path);
      emit({ type: 'review', sandbox });
      return {
        brought: [{ text: 'about.html' }, { text: 'js/hours.js' }],
        merged: [{ text: 'js/hours.js' }],
        conflicts,
        of_git: 0,
        safety: 's8',
      };
    },
    async undoBringIn(sandbox) {
      await wait();
      emit({ type: 'review', sandbox });
      return reportOf('undo', [], null);
    },
    async copyOuts() {
      await wait();
      return done;
    },
    async savePatch() {
      await wait();
      return `${HOME}/rye-and-salt.patch`;
    },
    async saveToFolder() {
      await wait();
      return `${HOME}/rye-and-salt-out`;
    },
    async saveBranch() {
      await wait();
      const chosen = state.files.filter((file) => file.decision === 'accepted' || file.decision === 'partly');
      return { name: 'agent-sandbox/rye-and-salt', commit: 'c0ffee'.padEnd(40, '0'), files: chosen.length, merged: [] };
    },
    async saveCommits() {
      await wait();
      return `${HOME}/rye-and-salt commits.patch`;
    },
  };
}
