// Draws an answer: sentences with chips, their support, sources, conflicts, an abstention, what can be done next.

import { post, ROOT, text } from "./api.js";
import { openArticle } from "./article.js";
import { clean, count, day, fill, h, name } from "./dom.js";

const SUPPORT = {
  supported: ["✓", "Supported"],
  partly: ["◐", "Partly supported"],
  unsupported: ["✕", "Not supported"],
};
const KIND = { quoted: "quoted", stated: "stated in other words", computed: "worked out" };
const REASON = {
  empty_library: "The library is empty",
  nothing_found: "Nothing in your articles matches this",
  not_stated: "Your articles do not say",
  not_supported: "No sentence held up against the articles",
  unclear_question: "The question is not clear",
};

export const citationsOf = (answer) => {
  const seen = new Map();
  for (const statement of answer.statements) {
    for (const citation of statement.citations) seen.set(citation.n, citation);
  }
  for (const conflict of answer.conflicts) {
    for (const claim of conflict.claims) for (const citation of claim.citations) {
      if (!seen.has(citation.n)) seen.set(citation.n, citation);
    }
  }
  return [...seen.values()].sort((a, b) => a.n - b.n);
};

function chip(citation, all) {
  const label = `Citation ${citation.n}: ${clean(citation.title)}, ${clean(citation.source) || "outlet not named"}, ${day(citation.published)}. Show the words.`;
  return h("button", {
    type: "button", class: "chip", "data-n": citation.n, "aria-label": label,
    onclick: (event) => {
      const marks = all();
      const at = marks.findIndex((m) => m.n === citation.n);
      openArticle(at >= 0 ? marks : [citation], Math.max(at, 0), event.currentTarget);
    },
  }, String(citation.n));
}

export function sentence(statement, all) {
  const [sign, word] = SUPPORT[statement.support];
  return h("div", { class: `sentence s-${statement.support}` },
    h("p", { dir: "auto" }, clean(statement.text), " ",
      h("span", { class: "chips" }, statement.citations.map((c) => chip(c, all)))),
    h("p", { class: "support" }, h("span", { "aria-hidden": "true" }, sign), ` ${word}`,
      statement.doubts?.length ? h("span", { class: "doubts" }, ` – ${statement.doubts.map(clean).join(" ")}`) : null));
}

function sources(citations, all) {
  return h("details", { class: "sources", open: true },
    h("summary", {}, count(citations.length, "citation")),
    h("ol", {}, citations.map((c) => h("li", {},
      h("span", { class: "source-n", "aria-hidden": "true" }, String(c.n)),
      h("div", {},
        h("button", { type: "button", class: "source", onclick: (e) => openArticle(all(), all().findIndex((m) => m.n === c.n), e.currentTarget) },
          h("q", { dir: "auto" }, clean(c.quote))),
        h("p", { class: "meta" }, name(c.title), " · ", name(c.source || "outlet not named"), " · ", day(c.published),
          ` · ${KIND[c.kind] ?? c.kind}`, c.note ? ` from: ${clean(c.note)}` : ""))))));
}

function conflicts(list, all) {
  return list.map((conflict) => h("figure", { class: "conflict" },
    h("figcaption", {}, h("span", { "aria-hidden": "true" }, "⇄ "), "The articles disagree: ", h("bdi", {}, clean(conflict.topic))),
    h("table", {},
      h("thead", {}, h("tr", {}, ["Outlet", "Says"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, conflict.claims.map((claim) => {
        const c = claim.citations[0];
        return h("tr", {}, h("td", { class: "outlet" }, name(c?.source || "not named"), h("div", { class: "meta" }, c ? day(c.published) : "")),
          h("td", { dir: "auto" }, clean(claim.text), " ", claim.citations.map((one) => chip(one, all))));
      })))));
}

function abstention(answer) {
  const hits = answer.hits.slice(0, 3);
  const looked = new Set(answer.hits.map((hit) => hit.article_id)).size;
  return h("div", { class: "abstained" },
    h("p", { class: "abstained-head" }, h("span", { "aria-hidden": "true" }, "∅ "), REASON[answer.reason] ?? "No answer"),
    h("p", { dir: "auto" }, clean(answer.text)),
    h("dl", {},
      h("dt", {}, "Asked"), h("dd", { dir: "auto" }, clean(answer.standalone_question)),
      h("dt", {}, "Looked at"), h("dd", {}, answer.hits.length
        ? `${count(answer.hits.length, "passage")} of ${count(looked, "article")}${answer.as_of ? `, published by ${day(answer.as_of)}` : ""}`
        : "the whole library; no passage comes near")),
    hits.length ? h("div", {}, h("p", { class: "label" }, "Nearest passages"),
      h("ul", { class: "nearest" }, hits.map((hit) => h("li", {},
        h("button", { type: "button", class: "passage", onclick: (e) => openArticle([{ ...hit }], 0, e.currentTarget) },
          h("span", { class: "passage-title", dir: "auto" }, name(hit.title)),
          h("span", { class: "passage-text", dir: "auto" }, clean(hit.text))))))) : null,
    h("p", { class: "next-step" }, "To get an answer, ",
      h("a", { href: "#/library", "data-page": "library" }, "add articles"), " that report on this",
      answer.as_of ? ", or ask without the date limit" : "", "."));
}

export function drawAnswer(box, answer, { ask, exportable = true }) {
  const all = () => citationsOf(answer);
  const cited = all();
  fill(box,
    answer.abstained ? abstention(answer) : answer.statements.map((s) => sentence(s, all)),
    !answer.abstained && !answer.statements.length ? h("p", { dir: "auto" }, clean(answer.text)) : null,
    conflicts(answer.conflicts, all),
    cited.length ? sources(cited, all) : null,
    notes(answer),
    exportable ? actions(answer) : null,
    answer.suggestions?.length ? h("div", { class: "suggestions" }, h("p", { class: "label" }, "Ask next"),
      answer.suggestions.map((s) => h("button", { type: "button", class: "suggestion", dir: "auto", onclick: () => ask(s) }, clean(s)))) : null);
}

function notes(answer) {
  const said = [];
  if (answer.truncated) said.push("The model was cut at its length limit.");
  if (answer.left_out?.length) said.push(`Did not fit: ${answer.left_out.map(clean).join("; ")}.`);
  if (answer.unresolved?.length) said.push(`${count(answer.unresolved.length, "reference")} in the draft matched nothing and was dropped.`);
  return said.map((s) => h("p", { class: "answer-note" }, s));
}

function actions(answer) {
  const told = h("span", { class: "told", role: "status" });
  const tell = (words) => { told.textContent = words; };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(await text(`/api/answers/${answer.id}/answer.md`));
      tell("Copied.");
    } catch (error) { tell(error.type ? error.message : "The browser does not let the page copy."); }
  };
  const link = `${location.origin}${ROOT}/answers/${answer.id}`;
  return h("div", { class: "actions" },
    h("button", { type: "button", class: "quiet", onclick: copy }, "Copy with citations"),
    h("a", { class: "quiet", href: link }, "Permalink"),
    feedback(answer, tell), told);
}

const VERDICTS = [["good", "Good"], ["wrong_answer", "Wrong answer"], ["wrong_evidence", "Wrong evidence"], ["should_have_refused", "Should have refused"]];

function feedback(answer, tell) {
  const note = h("input", { type: "text", "aria-label": "What would be right (optional)", placeholder: "What would be right?", maxlength: "500" });
  let chosen = null;
  const more = h("div", { class: "feedback-more", hidden: true }, note,
    h("button", { type: "button", class: "quiet", onclick: () => save() }, "Keep note"),
    h("a", { class: "quiet", href: `${ROOT}/api/answers/${answer.id}/case.json`, download: `case-${answer.id.slice(0, 8)}.json` }, "Export as case"));
  const save = async () => {
    try {
      await post(`/api/answers/${answer.id}/feedback`, { kind: chosen, note: note.value });
      tell("Kept with the answer's record.");
    } catch (error) { tell(error.message); }
  };
  const buttons = VERDICTS.map(([kind, word]) => h("button", {
    type: "button", role: "menuitemradio", "aria-checked": "false", class: "verdict",
    onclick: (event) => {
      chosen = kind;
      for (const b of event.currentTarget.parentElement.children) b.setAttribute("aria-checked", String(b === event.currentTarget));
      more.hidden = false;
      save();
    },
  }, word));
  return h("details", { class: "feedback" }, h("summary", { class: "quiet" }, "Was this right?"),
    h("div", { class: "feedback-body" }, h("div", { class: "verdicts", role: "menu", "aria-label": "Was this right?" }, buttons), more));
}
