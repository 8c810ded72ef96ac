// The Ask page: one conversation, its turns, and the question on its way.

import { get, post, stream } from "./api.js";
import { closePane, openPane, showOverview, showPassages } from "./article.js";
import { citationsOf, drawAnswer, sentence } from "./answer.js";
import { $, clean, count, day, fill, h } from "./dom.js";
import { firstRun } from "./firstrun.js";

let conversation = "new";
let current = null;

const box = () => $("#question");

export function startAsk() {
  $("#composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  box().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  });
  box().addEventListener("input", grow);
  $("#stop").addEventListener("click", stop);
  showOverview();
}

const grow = () => {
  const field = box();
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 200)}px`;
};

function submit() {
  const question = box().value.trim();
  if (!question || current) return;
  box().value = "";
  grow();
  ask(question);
}

export function newConversation() {
  conversation = "new";
  fill($("#turns"));
  tools();
  $("#page-ask").classList.add("fresh");
  history.replaceState(null, "", `${location.pathname}#/ask`);
  showOverview();
  box().focus();
}

function tools() {
  const bar = $("#thread-tools");
  bar.hidden = !$("#turns").childElementCount;
  fill(bar, h("button", { type: "button", class: "quiet", onclick: newConversation }, "New conversation"),
    conversation !== "new" && conversation ? h("a", { class: "quiet", href: `./api/conversations/${conversation}/export.md`, download: "" }, "Export conversation") : null);
}

function turnOf(question) {
  const parts = {
    status: h("p", { class: "turn-status", role: "status" }),
    standalone: h("div", { class: "standalone" }),
    answer: h("div", { class: "answer" }),
    found: h("div", { class: "found" }),
  };
  parts.root = h("article", { class: "turn", "aria-label": "Question and answer" },
    h("h2", { class: "asked", dir: "auto" }, clean(question)), parts.standalone, parts.status, parts.answer, parts.found);
  return parts;
}

function showStandalone(turn, question, standalone) {
  if (!standalone || clean(standalone) === clean(question)) { fill(turn.standalone); return; }
  const edit = () => {
    const input = h("input", { type: "text", value: clean(standalone), "aria-label": "The question as it was understood", dir: "auto", maxlength: "4000" });
    const form = h("form", { class: "standalone-form", onsubmit: (event) => {
      event.preventDefault();
      if (input.value.trim() && !current) ask(input.value.trim(), { alone: true });
    } }, input, h("button", { class: "quiet" }, "Ask this"));
    fill(turn.standalone, form);
    input.focus();
  };
  fill(turn.standalone, "Understood as: ", h("bdi", { class: "standalone-text" }, clean(standalone)), " ",
    h("button", { type: "button", class: "quiet", onclick: edit }, "Edit"));
}

function showFound(turn, hits) {
  turn.hits = hits;
  fill(turn.found, h("button", { type: "button", class: "quiet found-button", onclick: () => { showPassages(hits); openPane(); } },
    hits.length ? `${count(hits.length, "passage")} found` : "No passage found"),
  h("ul", { class: "found-list" }, hits.slice(0, 3).map((hit) => h("li", { dir: "auto" }, clean(hit.text)))));
  showPassages(hits, turn.note ?? "");
}

export async function ask(question, { alone = false } = {}) {
  if (current) return;
  const turn = turnOf(question);
  const signal = new AbortController();
  current = { turn, signal, id: null, stopped: false };
  busy(true);
  $("#page-ask").classList.remove("fresh");
  $("#turns").append(turn.root);
  for (const old of document.querySelectorAll(".turn.latest")) old.classList.remove("latest");
  turn.root.classList.add("latest");
  tools();
  closePane();
  turn.root.scrollIntoView({ block: "start", behavior: "instant" });
  turn.status.textContent = "Looking for passages";
  const body = { question, as_of: $("#as-of").value || null };
  if (!alone) body.conversation = conversation;
  const draft = h("p", { class: "draft", dir: "auto", "aria-hidden": "true" });
  const seen = { statements: [], answered: false };
  const mine = current;
  const tell = (line) => told(line, turn, question, draft, seen, mine);
  try {
    await stream("/api/ask", body, tell, signal.signal);
    if (!seen.answered && !seen.failed) ended(turn, mine.stopped);
  } catch (error) {
    if (error.name === "AbortError") ended(turn, true);
    else failed(turn, error.message, question);
  }
  current = null;
  busy(false);
}

function told(line, turn, question, draft, seen, mine) {
  if (line.event === "accepted") {
    mine.id = line.ask;
    if (line.conversation) conversation = line.conversation;
  } else if (line.event === "queued") {
    turn.status.textContent = line.ahead ? `Waiting: ${count(line.ahead, "question")} ahead of yours` : "Your turn: looking for passages";
  } else if (line.event === "retrieved") {
    showStandalone(turn, question, line.standalone_question);
    showFound(turn, line.hits);
    if (!line.glance) turn.status.textContent = line.hits.length ? "Reading the passages" : "Nothing close was found";
  } else if (line.event === "token") {
    if (!draft.isConnected) { fill(turn.answer, draft); turn.status.textContent = "Writing a draft, not checked yet"; }
    draft.append(clean(line.text));
  } else if (line.event === "statement") {
    if (!seen.statements.length) {
      // What follows is at least as tall: keep the place of the draft, so that nothing jumps.
      turn.answer.style.minHeight = `${turn.answer.offsetHeight}px`;
      fill(turn.answer);
      turn.status.textContent = "Checking each sentence against the articles";
    }
    seen.statements.push(line.statement);
    const all = () => citationsOf({ statements: seen.statements, conflicts: [] });
    turn.answer.append(sentence(line.statement, all));
  } else if (line.event === "answer") {
    seen.answered = true;
    finished(turn, line.answer, question);
  } else if (line.event === "error") {
    seen.failed = true;
    failed(turn, line.error.message, question);
  }
}

function finished(turn, answer, question) {
  showStandalone(turn, question, answer.standalone_question);
  const seconds = answer.timings_s?.total;
  turn.status.textContent = `${answer.abstained ? "No answer" : "Answered"} by ${clean(answer.model)}${seconds ? ` in ${seconds.toFixed(1)} s` : ""}${answer.as_of ? `, from what was published by ${day(answer.as_of)}` : ""}`;
  turn.answer.style.minHeight = "";
  drawAnswer(turn.answer, answer, { ask });
  if (!turn.hits) showFound(turn, answer.hits);
  turn.found.classList.add("done");
  tools();
}

function ended(turn, stopped) {
  turn.status.textContent = stopped ? "Stopped. The model no longer works on this." : "The connection was lost before the answer was complete.";
  if (!stopped) turn.status.classList.add("bad");
  $(".draft", turn.answer)?.classList.add("cut");
}

function failed(turn, message, question) {
  turn.status.textContent = "";
  fill(turn.answer, h("div", { class: "failure", role: "alert" }, h("p", {}, h("strong", {}, "No answer. "), clean(message)),
    h("button", { type: "button", class: "quiet", onclick: () => { if (box().value === question) { box().value = ""; grow(); } turn.root.remove(); ask(question); } }, "Ask again")));
  // Nothing typed is lost: the question is back in its box, unless another one is begun there.
  if (question && !box().value) { box().value = question; grow(); }
}

function busy(yes) {
  $("#ask").hidden = yes;
  $("#stop").hidden = !yes;
  if (!yes && document.activeElement === document.body) box().focus();
}

async function stop() {
  if (!current) return;
  current.stopped = true;
  // Told twice: by name, which passes a buffering proxy, and by hanging up.
  const { id, signal } = current;
  if (id) await post(`/api/ask/${id}/stop`).catch(() => {});
  signal.abort();
  box().focus();
}

// An answer record at its own address, or a conversation taken up again.
export async function showRecord(id) {
  const turn = turnOf("");
  try {
    const { answer } = await get(`/api/answers/${encodeURIComponent(id)}`);
    $("#page-ask").classList.remove("fresh");
    $(".asked", turn.root).textContent = clean(answer.question);
    fill($("#turns"), turn.root);
    showPassages(answer.hits);
    turn.hits = answer.hits;
    finished(turn, answer, answer.question);
  } catch (error) {
    $("#page-ask").classList.remove("fresh");
    fill($("#turns"), turn.root);
    $(".asked", turn.root).textContent = "No such answer";
    fill(turn.answer, h("div", { class: "failure", role: "alert" }, h("p", {}, error.message)));
  }
}

export async function takeUp(id) {
  const whole = await get(`/api/conversations/${id}`);
  conversation = id;
  fill($("#turns"));
  $("#page-ask").classList.remove("fresh");
  for (const exchange of whole.exchanges) {
    const turn = turnOf(exchange.question);
    $("#turns").append(turn.root);
    try {
      const { answer } = await get(`/api/answers/${exchange.answer_id}`);
      turn.hits = answer.hits;
      finished(turn, answer, exchange.question);
      showPassages(answer.hits);
    } catch {
      fill(turn.answer, h("p", { dir: "auto" }, clean(exchange.answer)), h("p", { class: "answer-note" }, "The full record is gone; these are its words."));
    }
  }
  tools();
  $("#turns").lastElementChild?.scrollIntoView({ block: "start", behavior: "instant" });
}

export const showFirstRun = (status) => firstRun($("#first-run"), status, () => { showOverview(); });
