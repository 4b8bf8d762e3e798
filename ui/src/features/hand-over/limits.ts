/** The limits in a line, and what is offered for each. */
import type { EngineState, Limits } from '../../ipc';
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
  return withNow([128, 256, 512, 1024, 2048, 4096], now, Infinity, (value) => value.toLocaleString('en-US'));
}

export function fileChoices(now: number): Choice[] {
  return withNow([0.5 * GB, GB, 2 * GB, 5 * GB, 10 * GB], now, Infinity, size);
}

function withNow(steps: number[], now: number, most: number, label: (value: number) => string): Choice[] {
  const values = [...new Set([...steps.filter((value) => value <= most), now])].sort((a, b) => a - b);
  return values.map((value) => ({ value, label: label(value) }));
}
