/** The ports of one sandbox, read again whenever they change. */
import type { PortRow } from '../../ipc';
import { backend } from '../../ipc/current';
import { topics } from '../../state/topics.svelte';

/** Not asked about again while the window is open: by sandbox and port. */
const dismissed = new Set<string>();

export class Ports {
  #all = $state.raw<PortRow[]>([]);
  /** Grows when something is dismissed: the set itself is not watched. */
  #turn = $state(0);

  constructor(readonly sandbox: string) {}

  /** What is open first, then what listens; dismissed ones only while they are open. */
  get shown(): PortRow[] {
    void this.#turn;
    const isOpen = (port: PortRow): boolean => port.previewed || port.awaits_log_in;
    return this.#all
      .filter((port) => isOpen(port) || !dismissed.has(this.#key(port.number)))
      .toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || a.number - b.number);
  }

  /** Call in an effect: reads now and after each event. */
  follow(): void {
    topics.version('ports', this.sandbox);
    void backend()
      .listPorts(this.sandbox)
      .then(
        (ports) => (this.#all = ports),
        () => (this.#all = []),
      );
  }

  dismiss(ports: readonly PortRow[]): void {
    for (const port of ports) dismissed.add(this.#key(port.number));
    this.#turn += 1;
  }

  #key(port: number): string {
    return `${this.sandbox} ${port}`;
  }
}
