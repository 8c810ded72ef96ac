// The Models page: which one answers, what others there are, two of them on one question.

import { get, post, stream } from "./api.js";
import { drawAnswer } from "./answer.js";
import { $, bytes, clean, fill, h } from "./dom.js";

const WORD = { absent: "not fetched yet", fetching: "fetching", present: "on this machine", loading: "loading", ready: "ready", error: "problem" };
let room = null;

export async function show(page) {
  if (!room) {
    room = { list: h("div"), told: h("p", { role: "status", class: "told" }), compare: h("div"), out: h("div", { class: "columns" }) };
    fill(page, h("h1", {}, "Models"), room.list, room.told, h("h2", { class: "section" }, "Two models, one question"), room.compare, room.out);
  }
  await list();
}

async function list() {
  let found;
  try { found = await get("/api/models"); } catch (error) {
    fill(room.list, h("p", { class: "bad", role: "alert" }, error.message));
    return;
  }
  fill(room.list, h("div", { class: "card" }, found.models.map((one) => row(one, found.current))));
  form(found);
}

function row(one, current) {
  const is = one.spec === current;
  const button = is ? h("span", { class: "tag on" }, "✓ answers now")
    : one.state === "absent" ? h("button", { type: "button", "aria-label": `Fetch ${clean(one.spec)}`, onclick: (e) => fetchModel(one, e.currentTarget) }, "Fetch")
      : h("button", { type: "button", "aria-label": `Answer with ${clean(one.spec)}`, onclick: (e) => use(one, e.currentTarget) }, "Use this");
  return h("div", { class: "list-row" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, clean(one.spec)),
      h("p", { class: "meta" }, [WORD[one.state] ?? one.state, bytes(one.bytes), clean(one.detail)].filter(Boolean).join(" · "))),
    h("div", { class: "tools" }, button));
}

async function use(one, button) {
  button.disabled = true;
  room.told.textContent = `Changing to ${one.spec}; a question under way is finished first.`;
  try {
    await post("/api/models/switch", { model: one.spec });
    room.told.textContent = `${one.spec} answers from now on.`;
  } catch (error) { room.told.textContent = error.message; }
  await list();
}

async function fetchModel(one, button) {
  button.disabled = true;
  const bar = h("progress", { "aria-label": "Progress" });
  const words = h("span", {}, "Fetching ");
  fill(room.told, words, " ", bar);
  try {
    await stream("/api/models/fetch", { model: one.spec }, (line) => {
      if (line.event === "progress") {
        words.textContent = clean(line.note);
        if (line.total) { bar.max = line.total; bar.value = line.done; }
      } else if (line.event === "ready") fill(room.told, `${one.spec} is on this machine now.`);
      else if (line.event === "error") fill(room.told, line.error.message);
    });
  } catch (error) { fill(room.told, error.message); }
  await list();
}

function form(found) {
  const there = found.models.filter((m) => !["absent", "error"].includes(m.state));
  if (there.length < 2) {
    fill(room.compare, h("p", { class: "meta" }, "A second model is needed; fetch one above."));
    return;
  }
  const pick = (chosen) => h("select", {}, there.map((m) => h("option", { value: m.spec, selected: m.spec === chosen }, clean(m.spec))));
  const first = pick(found.current);
  const second = pick(there.find((m) => m.spec !== found.current)?.spec);
  const question = h("input", { type: "text", maxlength: "4000", dir: "auto", required: true });
  const button = h("button", { class: "primary" }, "Ask both");
  fill(room.compare, h("form", { class: "card compare-form", onsubmit: (event) => {
    event.preventDefault();
    compare(question.value.trim(), [first.value, second.value], button);
  } }, h("label", { class: "wide" }, "Question", question), h("label", {}, "One", first), h("label", {}, "The other", second), h("div", { class: "wide" }, h("div", {}, button))));
}

async function compare(question, models, button) {
  if (!question) return;
  button.disabled = true;
  const columns = models.map((spec) => h("section", { class: "column", "aria-label": clean(spec) }, h("h3", { class: "row-title" }, clean(spec)), h("p", { class: "turn-status", role: "status" }, "Waits its turn"), h("div", { class: "answer" })));
  fill(room.out, columns);
  const show = () => room.out.scrollIntoView({ block: "nearest", behavior: "instant" });
  show();
  const say = (column, words) => { $(".turn-status", columns[column]).textContent = words; };
  try {
    await stream("/api/compare", { question, models }, (line) => {
      if (line.event === "queued") say(0, `Waiting: ${line.ahead} ahead`);
      else if (line.event === "model") say(line.column, "Working");
      else if (line.event === "answer") {
        const { answer } = line;
        say(line.column, `${answer.abstained ? "No answer" : "Answered"} in ${(answer.timings_s?.total ?? 0).toFixed(1)} s`);
        drawAnswer($(".answer", columns[line.column]), { ...answer, suggestions: [] }, { ask: () => {}, exportable: false });
        show();
      } else if (line.event === "error") say(line.column ?? 0, line.error.message);
    });
  } catch (error) { say(0, error.message); }
  button.disabled = false;
}
