// The Conversations page: what was asked before, to take up, rename, export or delete.

import { get, patch, remove, ROOT } from "./api.js";
import { clean, count, fill, h } from "./dom.js";
import { newConversation } from "./ask.js";

const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
let room = null;

export async function show(page) {
  if (!room) {
    room = { list: h("div"), search: h("input", { type: "search", oninput: () => list() }) };
    const fresh = h("button", { type: "button", onclick: () => { location.hash = "#/ask"; setTimeout(newConversation, 0); } }, "New conversation");
    fill(page, h("div", { class: "page-head" }, h("h1", {}, "Conversations"), fresh),
      h("div", { class: "filters" }, h("label", {}, "Search questions and answers", room.search)), room.list);
  }
  await list();
}

async function list() {
  let found;
  try { found = await get(`/api/conversations?q=${encodeURIComponent(room.search.value)}`); } catch (error) {
    fill(room.list, h("p", { class: "bad", role: "alert" }, error.message));
    return;
  }
  fill(room.list, h("div", { class: "card" }, found.conversations.length ? found.conversations.map(row)
    : h("p", { class: "empty-note" }, room.search.value ? "No conversation has these words." : "Nothing asked yet. What you ask is kept here, on this machine.")));
}

function row(one) {
  const line = h("div", { class: "list-row" });
  const calm = () => fill(line,
    h("div", { class: "grow" }, h("a", { href: `#/ask/${one.id}`, class: "row-title", dir: "auto" }, clean(one.title)),
      h("p", { class: "meta" }, `${one.updated ? WHEN.format(new Date(one.updated)) : ""} · ${count(one.questions, "question")}`)),
    h("div", { class: "tools" },
      h("button", { type: "button", class: "quiet", "aria-label": `Rename ${clean(one.title)}`, onclick: rename }, "Rename"),
      h("a", { class: "quiet", href: `${ROOT}/api/conversations/${one.id}/export.md`, download: "", "aria-label": `Export ${clean(one.title)}` }, "Export"),
      h("button", { type: "button", class: "quiet", "aria-label": `Delete ${clean(one.title)}`, onclick: ask }, "Delete")));
  const rename = () => {
    const input = h("input", { type: "text", value: clean(one.title), maxlength: "120", "aria-label": "Title", dir: "auto" });
    fill(line, h("form", { class: "grow standalone-form", onsubmit: async (event) => {
      event.preventDefault();
      try { await patch(`/api/conversations/${one.id}`, { title: input.value }); } catch (error) { input.setCustomValidity(error.message); input.reportValidity(); return; }
      list();
    } }, input, h("button", { class: "quiet" }, "Save"), h("button", { type: "button", class: "quiet", onclick: calm }, "Cancel")));
    input.focus();
    input.select();
  };
  const ask = () => fill(line, h("div", { class: "grow" }, "Delete ", h("bdi", {}, clean(one.title)), "?"),
    h("div", { class: "tools" }, h("button", { type: "button", class: "quiet bad", onclick: async () => { await remove(`/api/conversations/${one.id}`).catch(() => {}); list(); } }, "Really delete"),
      h("button", { type: "button", class: "quiet", onclick: calm }, "Keep")));
  calm();
  return line;
}
