// The accessibility checker in a page, and a walk through a page by the keyboard alone.
import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe finds wrong with a page as it stands, one line each: rule, element, why. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as axe.AxeResults;
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id} (${help}): ${target.join(" ")}: ${failureSummary?.split("\n").slice(1, 3).join("; ")}`,
    ),
  );
}

/** Every element that a keyboard should reach, marked with a number; radio buttons of one group are one. Returns how many. */
const mark = `(() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]");
  const groups = new Set();
  let count = 0;
  for (const element of all) {
    if (element.tabIndex < 0 || element.disabled || element.closest("[inert]") || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.type === "radio" && element.name !== "") {
      if (groups.has(element.name)) continue;
      groups.add(element.name);
    }
    if (element.type === "radio" && element.name !== "") element.dataset.walkGroup = element.name;
    element.dataset.walk = String(count++);
  }
  return count;
})()`;

/** Where the keyboard is: the number of the element, and whether anything shows that it is there. */
const where = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return { walk: undefined, shown: true, name: "body" };
  const group = element.type === "radio" && element.name !== "" ? document.querySelector('[data-walk-group="' + CSS.escape(element.name) + '"]') : null;
  const style = getComputedStyle(element);
  const shown = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  return { walk: (group ?? element).dataset.walk, shown, name: element.outerHTML.slice(0, 120) };
})()`;

/** Walk through a page with the Tab key. Returns what is wrong: elements that are not reached, and those that do not show that they have the focus. */
export async function walk(page: Page): Promise<string[]> {
  await page.evaluate("document.activeElement instanceof HTMLElement && document.activeElement.blur()");
  const count = (await page.evaluate(mark)) as number;
  const reached = new Set<string>();
  const wrong = new Set<string>();
  for (let i = 0; i < 2 * count + 10 && reached.size < count; i++) {
    await page.keyboard.press("Tab");
    const { walk: number, shown, name } = (await page.evaluate(where)) as { walk: string | undefined; shown: boolean; name: string };
    if (number !== undefined) reached.add(number);
    if (!shown) wrong.add(`no sign of the focus: ${name}`);
  }
  const missing = Array.from({ length: count }, (_, i) => String(i)).filter((number) => !reached.has(number));
  for (const number of missing.slice(0, 5)) {
    wrong.add(
      `not reached: ${(await page.evaluate(`document.querySelector('[data-walk="${number}"]')?.outerHTML.slice(0, 120)`)) as string}`,
    );
  }
  return [...wrong];
}
