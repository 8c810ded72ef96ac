// The evidence pane: what the library holds, the passages of a question, an article with the cited words marked.

import { get } from "./api.js";
import { $, clean, count, day, fill, h, language, name, unitsAt } from "./dom.js";

const pane = () => $("#evidence");
const articles = new Map();
let opener = null;
let back = null;

export const meta = (one) =>
  h("span", { class: "meta" }, name(one.source || "outlet not named"), " · ", day(one.published));

async function load(id) {
  if (!articles.has(id)) articles.set(id, await get(`/api/articles/${encodeURIComponent(id)}`));
  return articles.get(id);
}

export const forget = () => articles.clear();

function head(title, ...tools) {
  return h("div", { class: "pane-head" },
    h("h2", { class: "pane-title", tabindex: "-1" }, title),
    h("div", { class: "pane-tools" }, tools,
      h("button", { type: "button", class: "icon-button close-pane", "aria-label": "Close the evidence", onclick: closePane },
        h("span", { "aria-hidden": "true" }, "✕"))));
}

export function openPane() {
  pane().classList.add("open");
  document.body.classList.add("pane-open");
}

export function closePane() {
  pane().classList.remove("open");
  document.body.classList.remove("pane-open");
  if (opener?.isConnected) opener.focus();
  opener = null;
}

export function showPassages(hits, note = "") {
  back = () => showPassages(hits, note);
  // Best article first; its passages in the order of their rank.
  const groups = new Map();
  for (const hit of hits) groups.set(hit.article_id, [...(groups.get(hit.article_id) ?? []), hit]);
  const list = [...groups.values()].map((group) => h("li", { class: "group" },
    h("div", { class: "group-head" }, h("p", { class: "passage-title", dir: "auto" }, name(group[0].title)), meta(group[0])),
    group.map((hit) => h("button", { type: "button", class: "passage", onclick: (event) => openArticle([{ ...hit, kind: "found" }], 0, event.currentTarget) },
      h("span", { class: "passage-text", dir: "auto" }, clean(hit.text))))));
  fill(pane(),
    head(hits.length ? `${count(hits.length, "passage")} found` : "No passage found"),
    note && h("p", { class: "pane-note" }, note),
    list.length ? h("ol", { class: "passages" }, list)
      : h("p", { class: "pane-note" }, "No passage of the library shares its words or its meaning with the question."));
}

export async function showOverview() {
  back = showOverview;
  let found;
  try { found = await get("/api/articles?limit=12"); } catch { return; }
  if (!found.in_library) { fill(pane()); return; }
  const list = found.articles.map((one) => h("li", {},
    h("button", { type: "button", class: "passage", onclick: (event) => openArticle([{ article_id: one.id, start: 0, end: 0 }], 0, event.currentTarget) },
      h("span", { class: "passage-title", dir: "auto" }, name(one.title)), meta(one))));
  fill(pane(), head("In your library"),
    h("p", { class: "pane-note" }, `${count(found.in_library, "article")}${found.total > list.length ? `, the latest ${list.length} of them:` : ":"}`),
    h("ol", { class: "passages" }, list));
}

// Opens the article of `marks[at]` with all its marks, scrolled to that one. Marks: article_id, start, end, n, kind, note.
export async function openArticle(marks, at, from = null) {
  if (from) opener = from;
  openPane();
  const mark = marks[at];
  let one;
  try {
    one = await load(mark.article_id);
  } catch (error) {
    fill(pane(), head("Not there any more"), h("p", { class: "pane-note" }, error.message));
    return;
  }
  const here = marks.filter((m) => m.article_id === one.id && m.end > m.start);
  const numbered = marks.filter((m) => m.n).length > 1;
  const step = (by) => openArticle(marks, (at + by + marks.length) % marks.length);
  const nav = numbered && h("div", { class: "cite-nav" },
    h("button", { type: "button", class: "quiet", onclick: () => step(-1) }, "‹ Previous"),
    h("span", {}, `Citation ${at + 1} of ${marks.length}`),
    h("button", { type: "button", class: "quiet", onclick: () => step(1) }, "Next ›"));
  const body = h("div", { class: "article-text", dir: "auto", lang: one.language || null, tabindex: "0", role: "region", "aria-label": "Text of the article" },
    paragraphs(one, here, mark));
  fill(pane(),
    head(name(one.title), back && h("button", { type: "button", class: "quiet", onclick: back }, "All passages")),
    h("p", { class: "article-meta" }, name(one.source || "Outlet not named"), " · ", day(one.published), " · ", language(one.language)),
    nav,
    mark.note && h("p", { class: "pane-note" }, `Worked out from: ${clean(mark.note)}`),
    body);
  const active = $("mark.active", body);
  if (active) {
    // Only the pane scrolls; the page stays where the reader is.
    const box = body.getBoundingClientRect();
    body.scrollTop += active.getBoundingClientRect().top - box.top - box.height / 3;
  }
  $(".pane-title", pane()).focus({ preventScroll: true });
}

function paragraphs(one, marks, active) {
  const units = unitsAt(one.text);
  const kinds = one.sections.map((s) => ({ kind: s.kind, start: units(s.start), end: units(s.end) }));
  const spans = marks.map((m) => ({ mark: m, start: units(m.start), end: units(m.end) })).sort((a, b) => a.start - b.start);
  const out = [];
  let at = 0;
  for (const line of one.text.split("\n")) {
    const end = at + line.length;
    if (line.trim()) {
      const kind = kinds.find((k) => k.start < end && k.end > at)?.kind ?? "body";
      out.push(h("p", { class: `t-${kind}`, dir: "auto" }, pieces(one.text, at, end, spans, active)));
    }
    at = end + 1;
  }
  return out;
}

function pieces(text, from, to, spans, active) {
  const cuts = new Set([from, to]);
  for (const span of spans) {
    if (span.start > from && span.start < to) cuts.add(span.start);
    if (span.end > from && span.end < to) cuts.add(span.end);
  }
  const edges = [...cuts].sort((a, b) => a - b);
  return edges.slice(0, -1).map((start, index) => {
    const end = edges[index + 1];
    const over = spans.filter((s) => s.start <= start && s.end >= end);
    const words = text.slice(start, end);
    if (!over.length) return words;
    const isActive = over.some((s) => s.mark === active || (s.mark.start === active.start && s.mark.end === active.end));
    const first = over.find((s) => s.start === start && s.mark.n);
    return h("mark", { class: isActive ? "active" : "other" }, words, first && null);
  });
}
