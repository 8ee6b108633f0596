/**
 * `?present`: the page for a projector. Everything is magnified until the window holds the layout of a laptop, so at 1920 pixels no type is
 * smaller than 18.
 */

/** The width for which the page is laid out then. */
const LAYOUT_PX = 1_280;

export function presentIfAsked(page: Window): void {
  if (!new URLSearchParams(page.location.search).has("present")) return;
  const root = page.document.documentElement;
  root.dataset.present = "";
  const magnify = (): void => {
    root.style.setProperty("zoom", String(Math.max(1, page.innerWidth / LAYOUT_PX)));
  };
  page.addEventListener("resize", magnify);
  magnify();
}

/** How much an element is magnified. */
export function zoomOf(element: Element): number {
  return (element as Element & { readonly currentCSSZoom?: number }).currentCSSZoom ?? 1;
}
