// An empty library: the seed article, or the reader's own files.

import { stream } from "./api.js";
import { $, clean, fill, h } from "./dom.js";
import { upload } from "./upload.js";

let shown = "";

export function firstRun(box, status, done) {
  const empty = status?.state === "empty";
  $("#composer").classList.toggle("unused", empty);
  if (shown === (empty ? "empty" : "")) return;
  shown = empty ? "empty" : "";
  if (!empty) { fill(box); done(); return; }
  const told = h("div", { role: "status", class: "first-told" });
  const seed = async (event) => {
    event.currentTarget.disabled = true;
    try {
      await stream("/api/library/seed", {}, (line) => {
        if (line.event === "progress") told.textContent = `${clean(line.note)} …`;
        if (line.event === "report") told.textContent = "Added. Ask away.";
        if (line.event === "error") told.textContent = line.error.message;
      });
    } catch (error) { told.textContent = error.message; }
    document.dispatchEvent(new Event("citewire:library"));
  };
  fill(box, h("div", { class: "first" },
    h("p", { class: "first-lead" }, "There are no articles yet. Add some to begin; they stay on this machine."),
    h("div", { class: "first-ways" },
      h("div", { class: "way" }, h("h2", {}, "Try it"), h("p", {}, "One short news article of 2017 ships with the program."),
        h("button", { type: "button", class: "primary", onclick: seed }, "Add the seed article")),
      h("div", { class: "way" }, h("h2", {}, "Your articles"), h("p", {}, "Text, Markdown, HTML, PDF, mail, CSV, JSON lines or feeds."), upload(told))),
    told));
}
