// Whether the server carries another console than this page runs. It is applied when nothing
// is in hand, and never by itself.

/** Entry script of this page, as the server names it; none where a page is not built. */
export function ownBuild(): string | null {
  const script = document.querySelector<HTMLScriptElement>('script[src^="/assets/"]');
  return script ? new URL(script.src).pathname : null;
}

export function isOutdated(build: string | null, own = ownBuild()): boolean {
  return Boolean(build) && own !== null && build !== own;
}
