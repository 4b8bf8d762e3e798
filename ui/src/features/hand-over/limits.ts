/** The limits in a line, and what is offered for each. */
import type { EngineState, Limits } from '../../ipc';
import { number } from '../../words/count';
import { cores, size } from '../../words/size';

const GB = 1024 ** 3;

export interface Choice {
  value: number;
  label: string;
}

/** 4 cores · 4 GB memory · 512 processes · files up to 2 GB */
export function limitsText(limits: Limits): string {
  return [
    `${cores(limits.cpu_millis)} ${limits.cpu_millis === 1000 ? 'core' : 'cores'}`,
    `${size(limits.memory)} memory`,
    `${limits.processes} processes`,
    `files up to ${size(limits.file_size)}`,
  ].join(' · ');
}

export function sameLimits(a: Limits, b: Limits): boolean {
  return sameContainer(a, b) && a.workspace_size === b.workspace_size && a.workspace_files === b.workspace_files;
}

/** Whether what runs can go on with the others: the engine is not told how large a workspace may be. */
export function sameContainer(a: Limits, b: Limits): boolean {
  return (
    a.cpu_millis === b.cpu_millis && a.memory === b.memory && a.processes === b.processes && a.file_size === b.file_size
  );
}

/** What the engine can give; the value in force is always among them. */
export function cpuChoices(now: number, engine: EngineState): Choice[] {
  const most = engine.state === 'running' ? engine.cpus * 1000 : 8000;
  return withNow([500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000], now, most, (value) =>
    value === 1000 ? '1 core' : `${cores(value)} cores`,
  );
}

export function memoryChoices(now: number, engine: EngineState): Choice[] {
  const most = engine.state === 'running' ? engine.memory : 16 * GB;
  const steps = [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32].map((gigabytes) => gigabytes * GB);
  return withNow(steps, now, most, size);
}

export function processChoices(now: number): Choice[] {
  return withNow([128, 256, 512, 1024, 2048, 4096], now, Infinity, number);
}

export function fileChoices(now: number): Choice[] {
  return withNow([0.5 * GB, GB, 2 * GB, 5 * GB, 10 * GB], now, Infinity, size);
}

export function workspaceChoices(now: number): Choice[] {
  return withNow(
    [1, 5, 10, 20, 50, 100, 200, 500].map((gigabytes) => gigabytes * GB),
    now,
    Infinity,
    size,
  );
}

export function countChoices(now: number): Choice[] {
  return withNow([100_000, 500_000, 1_000_000, 2_000_000, 5_000_000], now, Infinity, number);
}

function withNow(steps: number[], now: number, most: number, label: (value: number) => string): Choice[] {
  const values = [...new Set([...steps.filter((value) => value <= most), now])].sort((a, b) => a - b);
  return values.map((value) => ({ value, label: label(value) }));
}
