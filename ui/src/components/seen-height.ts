/**
 * How high a scrolled element is, in pixels. No more than fits the window: where its place were without bounds,
 * every row would be drawn. `unknown` stands for it before it has a height.
 */
export function seenHeight(element: Element, unknown: number): number {
  return Math.min(element.clientHeight || unknown, window.innerHeight);
}
