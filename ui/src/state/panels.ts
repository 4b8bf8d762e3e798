/** F6: the focus goes round the panels, which are marked by `data-panel`. */
const FOCUSABLE =
  'button:not(:disabled), [href], input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex="0"]';

export function cyclePanels(step: 1 | -1): void {
  const panels = [...document.querySelectorAll<HTMLElement>('[data-panel]')].filter(
    (panel) => panel.offsetParent !== null,
  );
  if (panels.length === 0) return;
  // The innermost one: a panel may lie in another.
  const at = panels.findLastIndex((panel) => panel.contains(document.activeElement));
  for (let tried = 1; tried <= panels.length; tried += 1) {
    const next = panels[(at + step * tried + panels.length * tried) % panels.length];
    const inside =
      next?.querySelector<HTMLElement>('[data-panel-focus]') ?? next?.querySelector<HTMLElement>(FOCUSABLE);
    if (inside) {
      inside.focus();
      return;
    }
  }
}
