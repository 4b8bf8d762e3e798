import { describe, expect, it } from 'vitest';
import type { DiffHunk, DiffLine } from '../../ipc';
import { movedLines } from './moved';

function hunk(id: string, lines: string[], old = 1, now = 1): DiffHunk {
  const made = lines.map((text): DiffLine => {
    const kind = text.startsWith('+') ? 'added' : text.startsWith('-') ? 'deleted' : 'context';
    return {
      kind,
      old: kind === 'added' ? null : old++,
      new: kind === 'deleted' ? null : now++,
      text: text.slice(1),
      words: [],
      accepted: true,
      no_newline: false,
      cut: null,
    };
  });
  return {
    id,
    old_start: 1,
    old_lines: 1,
    new_start: 1,
    new_lines: 1,
    heading: '',
    lines: made,
    decision: 'undecided',
  };
}

const block = ['function greet(name) {', '  return `Hello, ${name}`;', '}'];

describe('moved blocks', () => {
  it('are known on both ends, also with another indent', () => {
    const moved = movedLines([
      hunk('a', [' x', ...block.map((line) => `-${line}`)]),
      hunk('b', [...block.map((line) => `+  ${line}`), ' y'], 40, 37),
    ]);
    expect([...moved]).toEqual([
      ['b:0', 2],
      ['a:1', 37],
      ['b:1', 3],
      ['a:2', 38],
      ['b:2', 4],
      ['a:3', 39],
    ]);
  });

  it('are not what is short, empty or only alike in its braces', () => {
    expect(movedLines([hunk('a', ['-}', '-', '-}', '-)']), hunk('b', ['+}', '+', '+}', '+)'])]).size).toBe(0);
    expect(
      movedLines([hunk('a', ['-the same long line of text, once']), hunk('b', ['+the same long line of text, once'])])
        .size,
    ).toBe(0);
  });

  it('end where the lines differ, and take each deleted line once', () => {
    const moved = movedLines([
      hunk(
        'a',
        block.map((line) => `-${line}`),
      ),
      hunk('b', [...block.map((line) => `+${line}`), '+more', ...block.map((line) => `+${line}`)]),
    ]);
    expect(moved.size).toBe(6);
    expect(moved.has('b:4')).toBe(false);
  });

  it('are found in time in a large diff', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => `a line of its own, number ${at}`);
    const began = performance.now();
    const moved = movedLines([
      hunk(
        'a',
        many.map((line) => `-${line}`),
      ),
      hunk(
        'b',
        many.map((line) => `+${line}`),
      ),
    ]);
    expect(moved.size).toBe(20_000);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
