import type { Page } from "playwright-core";

/** What is cut off, lies outside of the window or over another control: a sentence each. */
export async function findMisplaced(page: Page): Promise<readonly string[]> {
  return await page.evaluate(() => {
    interface Seen {
      readonly name: string;
      readonly element: Element;
      readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
    }
    const found: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) found.push("the window scrolls");
    /** The part that isn't scrolled away; null: none. */
    const seenOf = (element: Element): Seen | null => {
      const own = element.getBoundingClientRect();
      let { left, top, right, bottom } = own;
      for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) {
        const { overflowX, overflowY } = getComputedStyle(parent);
        if (overflowX === "visible" && overflowY === "visible") continue;
        const clip = parent.getBoundingClientRect();
        [left, top] = [Math.max(left, clip.left), Math.max(top, clip.top)];
        [right, bottom] = [Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
      }
      if (right - left < 3 || bottom - top < 3 || getComputedStyle(element).visibility === "hidden") return null;
      const name = element.getAttribute("aria-label") ?? element.textContent ?? element.tagName;
      return { name: name.trim().slice(0, 40), element, box: { left, top, right, bottom } };
    };
    const isText = (element: Element) =>
      [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent?.trim() !== "");
    for (const element of document.querySelectorAll<HTMLElement>("body *")) {
      if (!isText(element) || element.closest(".unseen") !== null || element.tagName === "OPTION") continue;
      const seen = seenOf(element);
      if (seen === null) continue;
      if (seen.box.left < -1 || seen.box.right > innerWidth + 1) found.push(`"${seen.name}" is outside`);
      const { overflowX, textOverflow } = getComputedStyle(element);
      const isCut = overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1;
      // A run's name is the one thing that gives way, with a sign that there is more.
      if (isCut && !(element.matches(".run") && textOverflow === "ellipsis")) found.push(`"${seen.name}" is cut`);
    }
    const controls = [...document.querySelectorAll("button, select, input, summary, .columns > span, header > *")];
    const all = controls.map(seenOf).filter((one) => one !== null);
    for (const [n, a] of all.entries())
      for (const b of all.slice(n + 1)) {
        if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
        const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (across > 2 && down > 2) found.push(`"${a.name}" and "${b.name}" overlap`);
      }
    return found;
  });
}
