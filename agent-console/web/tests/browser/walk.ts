// A screen walked with the Tab key alone: everything that can be pressed is reached, in the order in which
// it stands, nowhere unseen, and no stop holds the walker.

import type { Page } from "playwright-core";

interface Stop {
  /** What it is, for a fault to name. */
  name: string;
  /** The number that it was given. */
  at: string;
  /** How it differs from itself without the focus; empty where it does not. */
  look: string;
  seen: boolean;
}

/** Faults of the walk. `within` names the part that is walked where a dialogue holds the focus. */
export async function walked(page: Page, within = "body"): Promise<string[]> {
  const faults: string[] = [];
  const wanted = await page.evaluate(reachable, within);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.evaluate((inside) => {
    const element = document.querySelector<HTMLElement>(inside);
    // From its beginning on.
    const start = document.createElement("span");
    start.tabIndex = -1;
    element?.prepend(start);
    start.focus();
    start.remove();
  }, within);
  const stops: Stop[] = [];
  for (let n = 0; n < wanted.length + 60; n += 1) {
    await page.keyboard.press("Tab");
    // A date and a player have stops of their own within; to look at one would begin them again.
    const at = await page.evaluate(
      () => (document.activeElement as HTMLElement | null)?.dataset.walk ?? null,
    );
    if (at !== null && stops.at(-1)?.at === at) continue;
    const stop = await page.evaluate(standing);
    if (!stop) break;
    if (stops.some((each) => each.at === stop.at)) break;
    stops.push(stop);
  }
  for (const stop of stops) {
    if (!stop.seen) faults.push(`is not seen: ${stop.name}`);
    if (stop.look === "") faults.push(`does not show that it has the focus: ${stop.name}`);
  }
  for (const each of wanted) {
    if (!stops.some((stop) => stop.at === each.at)) faults.push(`is not reached: ${each.name}`);
  }
  return faults;
}

/** What can be pressed or filled in there; of a group of radio buttons one. */
function reachable(inside: string): { name: string; at: string }[] {
  const groups = new Set<string>();
  return [...(document.querySelector(inside)?.querySelectorAll<HTMLElement>("*") ?? [])]
    .filter((element) => {
      if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) return false;
      if (element.tabIndex < 0 || element.matches(":disabled, [aria-hidden=true] *, [inert] *"))
        return false;
      const box = element.getBoundingClientRect();
      if (
        box.width === 0 ||
        box.height === 0 ||
        !element.checkVisibility({ visibilityProperty: true })
      )
        return false;
      if (element instanceof HTMLInputElement && element.type === "radio") {
        const group = element.name;
        const chosen = document.querySelector(`input[name="${group}"]:checked:not(:disabled)`);
        if (groups.has(group) || (chosen && chosen !== element)) return false;
        groups.add(group);
      }
      return true;
    })
    .map((element, n) => {
      element.dataset.walk = String(n);
      return {
        name: element.dataset.testid ?? element.outerHTML.slice(0, 200),
        at: element.dataset.walk,
      };
    });
}

/** Where the focus stands now. */
async function standing(): Promise<Stop | null> {
  const element = document.activeElement as HTMLElement | null;
  if (!element || element === document.body) return null;
  const places: HTMLElement[] = [element];
  for (let up = element.parentElement, n = 0; up && n < 6; up = up.parentElement, n += 1)
    places.push(up);
  const drawn = () =>
    places.map((place) => {
      const look = getComputedStyle(place);
      return [
        look.outlineStyle === "none" ? "" : `${look.outlineWidth} ${look.outlineColor}`,
        look.boxShadow,
        look.borderColor,
        look.backgroundColor,
        look.opacity,
        look.textDecorationLine,
        look.top,
      ].join(";");
    });
  const still = document.createElement("style");
  still.textContent = "*, *::before, *::after { transition: none !important; }";
  document.head.append(still);
  const focused = drawn();
  const box = element.getBoundingClientRect();
  // What was not counted on, such as a choice among radio buttons: it is known again.
  element.dataset.walk ??= `other ${document.querySelectorAll("[data-walk]").length}`;
  const at = element.dataset.walk;
  // Something covers what scrolls under a bar that stays: its middle is asked.
  const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height / 2, 12)];
  const top = document.elementFromPoint(x, y);
  const seen =
    top !== null &&
    (element.contains(top) || top.contains(element) || places.some((each) => each.contains(top)));
  element.blur();
  // What is drawn by a state of the page goes with the next picture.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const plain = drawn();
  element.focus({ preventScroll: true });
  still.remove();
  return {
    name: element.dataset.testid ?? element.outerHTML.slice(0, 200),
    at,
    look: focused.filter((each, n) => each !== plain[n]).join("|"),
    seen,
  };
}
