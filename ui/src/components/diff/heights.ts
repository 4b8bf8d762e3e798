/** Heights of many rows with fast sums: where row n starts and which row is at a place, both in log n. */
export class Heights {
  #sizes: Float64Array;
  #sums: Float64Array;
  #top: number;

  constructor(sizes: Float64Array) {
    this.#sizes = sizes;
    this.#sums = new Float64Array(sizes.length + 1);
    for (let at = 1; at <= sizes.length; at += 1) {
      this.#sums[at] = (this.#sums[at] ?? 0) + (sizes[at - 1] ?? 0);
      const parent = at + (at & -at);
      if (parent <= sizes.length) this.#sums[parent] = (this.#sums[parent] ?? 0) + (this.#sums[at] ?? 0);
    }
    this.#top = 1;
    while (this.#top * 2 <= sizes.length) this.#top *= 2;
  }

  get count(): number {
    return this.#sizes.length;
  }

  /** The height of one row. */
  of(at: number): number {
    return this.#sizes[at] ?? 0;
  }

  /** Sets a measured height; true when it was another one. */
  set(at: number, size: number): boolean {
    const change = size - (this.#sizes[at] ?? 0);
    if (Math.abs(change) < 0.5 || at >= this.#sizes.length) return false;
    this.#sizes[at] = size;
    for (let node = at + 1; node <= this.#sizes.length; node += node & -node) {
      this.#sums[node] = (this.#sums[node] ?? 0) + change;
    }
    return true;
  }

  /** Where a row starts. */
  offset(at: number): number {
    let sum = 0;
    for (let node = Math.min(at, this.#sizes.length); node > 0; node -= node & -node) sum += this.#sums[node] ?? 0;
    return sum;
  }

  get total(): number {
    return this.offset(this.#sizes.length);
  }

  /** The row at a distance from the top; the last one beyond the end. */
  at(place: number): number {
    let node = 0;
    let left = place;
    for (let step = this.#top; step > 0; step >>= 1) {
      const next = node + step;
      if (next <= this.#sizes.length && (this.#sums[next] ?? 0) <= left) {
        node = next;
        left -= this.#sums[next] ?? 0;
      }
    }
    return Math.max(0, Math.min(node, this.#sizes.length - 1));
  }
}
