// Whether the server carries another console than this page runs. It is applied when nothing
// is in hand, and never by itself.

/** Entry script of this page, as the server names it. */
export function ownBuild(): string | null {
  const script = document.querySelector<HTMLScriptElement>('script[type="module"][src]');
  return script ? new URL(script.src).pathname : null;
}

export function isOutdated(build: string | null, own = ownBuild()): boolean {
  return build !== null && own !== null && build !== own;
}
