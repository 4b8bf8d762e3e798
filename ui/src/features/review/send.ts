/** Comments into the agent's terminal. */
import type { TerminalRow } from '../../ipc';
import { backend } from '../../ipc/current';
import { asPaste, type Comment } from './comments';

/** The agent's own terminal, else the first that runs. */
export function goalOf(terminals: readonly TerminalRow[]): TerminalRow | null {
  const running = terminals.filter((terminal) => terminal.running);
  return running.find((terminal) => terminal.agent) ?? running[0] ?? null;
}

/** Pastes the comments; the user sends them off there. Null when no terminal runs. */
export async function sendComments(sandbox: string, comments: readonly Comment[]): Promise<TerminalRow | null> {
  const goal = goalOf(await backend().listTerminals(sandbox));
  if (!goal) return null;
  await backend().terminalInput(sandbox, goal.id, asPaste(comments));
  return goal;
}
