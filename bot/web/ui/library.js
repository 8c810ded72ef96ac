// The Library page: what is in it, when it was published, adding and removing.

import { get, remove } from "./api.js";
import { forget, openArticle } from "./article.js";
import { clean, count, day, fill, h, language, name } from "./dom.js";
import { upload } from "./upload.js";

const SVG = "http://www.w3.org/2000/svg";
const filters = { q: "", source: null, language: null, first: "", last: "" };
let room = null;

export async function show(page) {
  if (!room) build(page);
  await list();
}

document.addEventListener("citewire:library", () => { if (room) list(); });

function build(page) {
  const told = h("div", { role: "status" });
  room = { list: h("div"), head: h("p"), picture: h("div"), filters: h("div", { class: "filters" }) };
  fill(page, h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Library"), room.head)),
    upload(told), told, room.picture, room.filters, room.list);
  const search = h("input", { type: "search", oninput: (e) => { filters.q = e.target.value; list(); } });
  room.source = h("select", { onchange: (e) => { filters.source = e.target.value; list(); } });
  room.language = h("select", { onchange: (e) => { filters.language = e.target.value; list(); } });
  const date = (key) => h("input", { type: "date", onchange: (e) => { filters[key] = e.target.value; list(); } });
  fill(room.filters, h("label", {}, "Title contains", search), h("label", {}, "Outlet", room.source), h("label", {}, "Language", room.language),
    h("label", {}, "From", date("first")), h("label", {}, "To", date("last")));
}

function options(select, entries, chosen, word) {
  const all = h("option", { value: "*" }, "All");
  fill(select, all, entries.map((e) => h("option", { value: e.name, selected: chosen === e.name }, `${clean(word(e.name))} (${e.articles})`)));
}

async function list() {
  const query = new URLSearchParams({ limit: "500" });
  for (const key of ["q", "first", "last"]) if (filters[key]) query.set(key, filters[key]);
  for (const key of ["source", "language"]) if (filters[key] !== null && filters[key] !== "*") query.set(key, filters[key]);
  let found;
  try { found = await get(`/api/articles?${query}`); } catch (error) {
    fill(room.list, h("p", { class: "bad", role: "alert" }, error.message));
    return;
  }
  room.head.textContent = found.in_library ? `${count(found.in_library, "article")}, kept on this machine` : "Nothing here yet; add your first articles.";
  room.filters.hidden = found.in_library < 2;
  options(room.source, found.sources, filters.source, (n) => n || "not named");
  options(room.language, found.languages, filters.language, language);
  fill(room.picture, timeline(found.months, found.undated));
  if (!found.in_library) { fill(room.list); return; }
  fill(room.list, h("div", { class: "card" }, found.articles.length ? h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Article"), h("th", { scope: "col", class: "wide-only" }, "Outlet"), h("th", { scope: "col", class: "wide-only" }, "Date"), h("th", { scope: "col", class: "wide-only" }, "Language"), h("th", { scope: "col" }, h("span", { class: "hidden-label" }, "Remove")))),
    h("tbody", {}, found.articles.map(row))) : h("p", { class: "empty-note" }, "No article passes these filters.")));
}

function row(one) {
  const tools = h("td", { class: "num" });
  const ask = () => fill(tools, h("button", { type: "button", class: "quiet bad", onclick: gone }, "Really remove"), " ",
    h("button", { type: "button", class: "quiet", onclick: calm }, "Keep"));
  const calm = () => fill(tools, h("button", { type: "button", class: "quiet", "aria-label": `Remove ${clean(one.title)}`, onclick: ask }, "Remove"));
  const gone = async () => {
    try { await remove(`/api/articles/${encodeURIComponent(one.id)}`); } catch (error) { fill(tools, h("span", { class: "bad", role: "alert" }, error.message)); return; }
    forget();
    document.dispatchEvent(new Event("citewire:library"));
  };
  calm();
  const read = async () => { location.hash = "#/ask"; setTimeout(() => openArticle([{ article_id: one.id, start: 0, end: 0 }], 0), 0); };
  return h("tr", {},
    h("td", {}, h("button", { type: "button", class: "quiet row-title", dir: "auto", onclick: read }, name(one.title)),
      h("p", { class: "meta narrow-only" }, name(one.source || "outlet not named"), " · ", day(one.published))),
    h("td", { class: "wide-only" }, one.source ? name(one.source) : h("span", { class: "meta" }, "not named")), h("td", { class: "nowrap wide-only" }, day(one.published)),
    h("td", { class: "wide-only" }, language(one.language)), tools);
}

function timeline(months, undated) {
  const keys = Object.keys(months);
  if (keys.length < 2) return null;
  const index = (key) => Number(key.slice(0, 4)) * 12 + Number(key.slice(5)) - 1;
  const [first, last] = [index(keys[0]), index(keys.at(-1))];
  // Months, or years where months would be thinner than a line.
  const step = last - first > 120 ? 12 : 1;
  const from = step === 12 ? Math.floor(first / 12) * 12 : first;
  const bins = new Map();
  for (const key of keys) bins.set(Math.floor((index(key) - from) / step), (bins.get(Math.floor((index(key) - from) / step)) ?? 0) + months[key]);
  const slots = Math.floor((last - from) / step) + 1;
  const most = Math.max(...bins.values());
  const [width, height, base] = [1000, 120, 96];
  const svg = document.createElementNS(SVG, "svg");
  const words = `Articles by ${step === 12 ? "year" : "month"}: ${keys.length} months from ${keys[0]} to ${keys.at(-1)}, at most ${most} together${undated ? `, ${undated} without a date` : ""}`;
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    svg.append(element);
    return element;
  };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "timeline");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", words);
  svg.setAttribute("preserveAspectRatio", "none");
  draw("line", { x1: 0, x2: width, y1: base, y2: base });
  const wide = width / slots;
  for (const [slot, n] of bins) {
    const tall = Math.max(4, (n / most) * (base - 10));
    const bar = draw("rect", { x: slot * wide + wide * 0.1, y: base - tall, width: Math.max(2, Math.min(wide * 0.8, 40)), height: tall, rx: 1.5 });
    const at = from + slot * step;
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${step === 12 ? Math.floor(at / 12) : `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}`}: ${count(n, "article")}`;
    bar.append(title);
  }
  return h("figure", { class: "timeline-box" }, svg,
    h("figcaption", { class: "meta timeline-foot" }, h("span", {}, keys[0]), h("span", {}, undated ? `${count(undated, "article")} without a date` : ""), h("span", {}, keys.at(-1))));
}
