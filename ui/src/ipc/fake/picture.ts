/** A drawn loaf, before and after. */
export function picture(name: string, side: string): string {
  const tone = side === 'old' ? 'peru' : 'sandybrown';
  const size = side === 'old' ? 42 : 58;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="420" viewBox="0 0 160 105"><rect width="160" height="105" fill="linen"/>` +
    `<ellipse cx="80" cy="62" rx="${size}" ry="28" fill="${tone}"/><path d="M50 56q8-14 16 0M72 50q8-14 16 0M94 56q8-14 16 0" ` +
    `stroke="saddlebrown" stroke-width="3" fill="none"/><text x="80" y="20" text-anchor="middle" font-size="8" fill="saddlebrown">${name}</text></svg>`;
  return btoa(svg);
}
