/** Keys that a sandbox can be let use besides those that its agent uses by itself. */
import type { AgentCard, KeyRow } from '../../ipc';

export function moreKeys(rows: readonly KeyRow[], agents: readonly AgentCard[], agent: string): KeyRow[] {
  const own = agents.find((card) => card.id === agent)?.keys ?? [];
  return rows.filter((row) => row.kept !== null && !own.includes(row.provider));
}
