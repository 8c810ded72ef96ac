// The Evals page: runs, how the models compare, and every wrong answer.

import { get } from "./api.js";
import { clean, count, fill, h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export async function show(page, run) {
  try {
    if (run) await one(page, run);
    else await list(page);
  } catch (error) { fill(page, h("h1", {}, "Evals"), h("p", { class: "bad", role: "alert" }, error.message)); }
}

async function list(page) {
  const { runs } = await get("/api/evals");
  fill(page, h("h1", {}, "Evals"), h("div", { class: "card", style: null }, runs.length ? runs.map((r) => h("div", { class: "list-row" },
    h("div", { class: "grow" }, h("a", { href: `#/evals/${encodeURIComponent(r.name)}`, class: "row-title" }, clean(r.name)),
      h("p", { class: "meta" }, `${WHEN.format(new Date(r.changed * 1000))} · ${r.models.map((m) => `${clean(m.model)}: ${count(m.results, "case")}${m.failed ? `, ${m.failed} failed` : ""}`).join(" · ")}`))))
    : h("p", { class: "empty-note" }, "No runs yet. Make one with ", h("code", {}, "citewire eval run"), "; it is shown here.")));
}

// Wilson's 95% interval of a share, as the reports of the eval suite give it.
function interval(right, n) {
  if (!n) return null;
  const z = 1.959964;
  const p = right / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [middle - half, middle + half];
}

const percent = (share) => `${(share * 100).toFixed(0)} %`;

function bar(right, n) {
  const span = interval(right, n);
  if (!span) return h("span", { class: "meta" }, "not scored");
  const svg = document.createElementNS(SVG, "svg");
  const draw = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    svg.append(element);
  };
  svg.setAttribute("viewBox", "0 0 200 14");
  svg.setAttribute("class", "share");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${percent(right / n)} right, from ${percent(span[0])} to ${percent(span[1])}`);
  draw("rect", { x: 0, y: 3, width: 200, height: 8, rx: 2, class: "bar-rest" });
  draw("rect", { x: 0, y: 3, width: 200 * (right / n), height: 8, rx: 2, class: "bar" });
  draw("line", { x1: 200 * span[0], x2: 200 * span[1], y1: 7, y2: 7, class: "bar-span" });
  for (const end of span) draw("line", { x1: 200 * end, x2: 200 * end, y1: 2, y2: 12, class: "bar-span" });
  return svg;
}

// A wide table scrolls inside its card, by keyboard too.
const scrolls = (label) => ({ class: "card", tabindex: "0", role: "region", "aria-label": label });

async function one(page, run) {
  const found = await get(`/api/evals/${encodeURIComponent(run)}`);
  const types = [...new Set(found.models.flatMap((m) => Object.keys(m.types)))].sort();
  fill(page, h("p", {}, h("a", { href: "#/evals" }, "‹ All runs")), h("h1", {}, clean(found.name)),
    h("h2", { class: "section" }, "Right answers"),
    h("div", scrolls("Right answers by model"), h("table", {},
      h("thead", {}, h("tr", {}, ["Model", "Right", "Share with 95 % interval", "Not scored"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, found.models.map((m) => h("tr", {}, h("td", {}, clean(m.model)), h("td", { class: "nowrap" }, `${m.right} of ${m.scored}`), h("td", {}, bar(m.right, m.scored)), h("td", {}, String(m.unscored))))))),
    types.length ? [h("h2", { class: "section" }, "By kind of question"), h("div", scrolls("Right answers by kind of question"), h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Kind"), found.models.map((m) => h("th", { scope: "col" }, clean(m.model))))),
      h("tbody", {}, types.map((t) => h("tr", {}, h("td", {}, clean(t.replaceAll("_", " "))), found.models.map((m) => {
        const c = m.types[t];
        return h("td", {}, c ? [`${c.right} of ${c.scored} `, bar(c.right, c.scored)] : "–");
      }))))))] : null,
    found.models.map((m) => [h("h2", { class: "section" }, `Wrong answers of ${clean(m.model)} (${m.wrong.length})`),
      h("div", { class: "card" }, m.wrong.length ? m.wrong.map(wrong) : h("p", { class: "empty-note" }, "None."))]));
}

function wrong(w) {
  const rows = [["Wanted", w.wanted.join(" / ") || "see the case"], ["Said", w.failure ? `failed: ${w.failure}` : w.said || "nothing"],
    ["Evidence", w.evidence.map((q) => `“${q}”`).join(" ")], ["Cited", w.cited.map((q) => `“${q}”`).join(" ")]];
  return h("div", { class: "wrong" }, h("p", { class: "row-title", dir: "auto" }, clean(w.question)), h("p", { class: "meta" }, `${clean(w.case)} · ${clean((w.type ?? "").replaceAll("_", " "))}`),
    h("dl", {}, rows.filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", { dir: "auto" }, clean(v))])));
}
