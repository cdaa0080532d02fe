"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);

// The system's theme, until the button is used.
const root = document.documentElement;
const store = {
  get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
  set: (theme) => { try { localStorage.setItem("theme", theme); } catch { /* The theme is not stored. */ } },
};
const dark = () => (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const show = (theme) => {
  if (theme === "light" || theme === "dark") root.style.colorScheme = theme;
  one("#theme").textContent = dark() ? "Light" : "Dark";
};
one("#theme").hidden = false;
one("#theme").addEventListener("click", () => {
  const theme = dark() ? "light" : "dark";
  store.set(theme);
  show(theme);
});
show(store.get());

// Filters.
const form = one(".filters");
form.hidden = false;
const areas = all(".area").map((area) => ({ area, open: area.open, rows: all("tbody tr", area) }));
const rows = areas.flatMap((area) => area.rows);
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const pressed = (kind) => all(`button[data-${kind}][aria-pressed="true"]`, form).map((button) => button.dataset[kind]);

const apply = () => {
  const words = one("#text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [outcomes, levels, drivers] = ["outcome", "level", "driver"].map(pressed);
  const unwanted = (element) => drivers.length > 0 && !drivers.includes(element.dataset.driver);
  const columns = all(".checks [data-driver]");
  for (const element of columns) element.hidden = unwanted(element);
  const count = all(".heads [data-driver]").filter((head) => !head.hidden).length;
  one("main").style.setProperty("--drivers", count);

  const narrowed = words.length + outcomes.length + levels.length > 0;
  let shown = 0;
  for (const { area, open, rows } of areas) {
    let some = false;
    for (const row of rows) {
      const cells = [...row.cells].slice(1).filter((cell) => !cell.hidden);
      const wanted = words.every((word) => texts.get(row).includes(word))
        && (levels.length === 0 || levels.includes(row.dataset.level))
        && (outcomes.length === 0 || cells.some((cell) => outcomes.some((outcome) => cell.classList.contains(outcome))));
      row.hidden = !wanted;
      some ||= wanted;
      shown += wanted;
    }
    area.hidden = !some;
    area.open = narrowed ? some : open;
  }
  one("#shown").textContent = narrowed ? `${shown} of ${rows.length} checks` : `${rows.length} checks`;
};
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => {
  for (const button of all("[aria-pressed]", form)) button.setAttribute("aria-pressed", "false");
  setTimeout(apply);
});
for (const button of all("[aria-pressed]", form)) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    apply();
  });
}
for (const id of ["open", "close"]) {
  one(`#${id}`).addEventListener("click", () => { for (const area of all(".area")) area.open = id === "open"; });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
    event.preventDefault();
    one("#text").focus();
  }
});
apply();

// A link to one check opens it.
const follow = () => {
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!row) return;
  row.closest(".area").open = true;
  row.querySelector("details").open = true;
  row.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", follow);
follow();

// Print shows the details of every check that did not pass.
addEventListener("beforeprint", () => {
  for (const area of all(".area")) area.open = true;
  for (const row of rows) if (row.querySelector("td.bad, td.warn")) row.querySelector("details").open = true;
});
