"use strict";
// Everything works without this file. It saves reloads, and adds keys, copying and pages that move while tests run.
const one = (selector, inside = document) => inside.querySelector(selector);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

// The theme.
const themeButton = one("#theme");
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const next = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  try { localStorage.setItem("theme", next) } catch {}
  dispatchEvent(new Event("themechange"));
});

// A code to log in with, which `pymon-bridge open` puts behind "#": what is there is sent nowhere. It leaves the history at once.
const byCode = one("#by-code"), code = location.hash.match(/^#code=(\w+)$/);
if (byCode && code) {
  history.replaceState(null, "", location.pathname + location.search);
  byCode.elements.code.value = code[1];
  byCode.hidden = false;
  one("#by-token").hidden = true;
  one("button", byCode).focus();
}

// Copying. Without a secure address a browser has no clipboard, so the text is selected instead.
for (const button of all("[data-copy]")) button.hidden = false;
addEventListener("click", async event => {
  const button = event.target.closest?.("[data-copy]");
  if (button) {
    const from = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(from.textContent.trim());
      const was = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = was }, 1500);
    } catch { getSelection().selectAllChildren(from) }
  }
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// Links and the filter of a fragment replace that fragment, and the address with it.
let pending;
async function load(box, url, push) {
  pending?.abort();
  pending = new AbortController();
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html", "X-Fragment": box.dataset.fragment }, signal: pending.signal });
    if (!answer.ok) return location.assign(url);
    const fresh = parse(await answer.text());
    const active = document.activeElement, typing = box.contains(active) && active.name, at = typing && active.selectionStart;
    const followed = !typing && box.contains(active) && active.textContent;
    box.replaceWith(fresh);
    if (typing) { const input = one(`[name=${typing}]`, fresh); input.focus(); input.setSelectionRange(at, at) }
    else if (followed) all("a", fresh).find(a => a.textContent === followed)?.focus();
    if (push) history[push](null, "", url);
  } catch (error) { if (error.name !== "AbortError") location.assign(url) }
}
const parse = html => new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
addEventListener("click", event => {
  const link = event.target.closest?.("a[href^='?']"), box = link?.closest("[data-fragment]");
  if (box && !event.metaKey && !event.ctrlKey && !event.shiftKey) { event.preventDefault(); load(box, link.href, "pushState") }
});
let wait;
const query = form => {
  const q = new URLSearchParams([...new FormData(form)].filter(([name, value]) => value !== (form.elements[name].dataset?.default ?? ""))).toString();
  return location.pathname + (q && "?" + q);
};
addEventListener("input", event => {
  const box = event.target.closest?.("[data-fragment]"), form = event.target.form;
  if (!box?.contains(form)) return; // such as a box to check, which is of another form
  clearTimeout(wait);
  wait = setTimeout(() => load(box, query(form), "replaceState"), 150);
});
addEventListener("submit", event => {
  const box = event.target.closest("[data-fragment]");
  if (box) { event.preventDefault(); clearTimeout(wait); load(box, query(event.target), "replaceState") }
});
addEventListener("popstate", () => { const box = one("[data-fragment]"); if (box) load(box, location.href) });

// A form that is sent when one of its choices changes.
addEventListener("change", event => { const form = event.target.closest?.("form[data-auto]"); if (form) location.assign(query(form)) });

// Keys.
const help = one("#help"), helpButton = one("#help-open");
helpButton.hidden = false;
helpButton.addEventListener("click", () => help.showModal());
addEventListener("keydown", event => {
  if (event.target.closest?.("input,select,textarea,dialog[open],.chart") || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "/") { const find = one(".find input"); if (find) { event.preventDefault(); find.focus() } }
  if (event.key === "?") { event.preventDefault(); help.showModal() }
  if (event.key === "j" || event.key === "k") {
    const rows = all("tbody tr").filter(row => one("th a", row)), at = rows.indexOf(document.activeElement.closest("tr"));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))];
    if (next) { next.scrollIntoView({ block: "nearest" }); one("th a", next).focus({ preventScroll: true }) }
  }
});

// A page that moves: its part with data-live is asked for again every two seconds. The part says where to go when it is over.
async function live() {
  const box = one("[data-live]");
  if (!box) return;
  if (!document.hidden) try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Fragment": box.dataset.live } });
    if (answer.redirected) return location.assign(answer.url);
    if (answer.ok) {
      const fresh = parse(await answer.text());
      if (fresh.dataset.then) return fresh.dataset.then === location.pathname ? location.reload() : location.assign(fresh.dataset.then);
      if (fresh.innerHTML !== box.innerHTML) {
        box.replaceWith(fresh);
        const table = one("[data-follow]");
        if (table && !table.contains(document.activeElement)) load(table, location.href);
      }
    }
  } catch {} // the bridge restarts, or the laptop was asleep
  setTimeout(live, 2000);
}
setTimeout(live, 2000);
