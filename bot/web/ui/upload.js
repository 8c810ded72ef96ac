// Files in: by choice, by folder, by drop; with progress, and a line for each file.

import { stream } from "./api.js";
import { clean, count, fill, h } from "./dom.js";
import { forget } from "./article.js";

const SIGN = { refused: "✕", partly: "◐" };

export function upload(told) {
  const files = h("input", { type: "file", multiple: true, class: "hidden-input", "aria-label": "Choose files", onchange: (e) => send([...e.target.files], told) });
  const folder = h("input", { type: "file", webkitdirectory: true, class: "hidden-input", "aria-label": "Choose a folder", onchange: (e) => send([...e.target.files], told) });
  const zone = h("div", { class: "drop" },
    h("p", {}, "Drop files here, or"),
    h("div", { class: "drop-buttons" },
      h("label", { class: "button" }, files, "Choose files"), h("label", { class: "button" }, folder, "Choose a folder")));
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (e) => { e.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, (e) => { e.preventDefault(); zone.classList.remove("over"); });
  zone.addEventListener("drop", (e) => send([...e.dataTransfer.files], told));
  return zone;
}

async function send(files, told) {
  // A folder brings its hidden files along.
  const wanted = files.filter((f) => !f.name.startsWith("."));
  if (!wanted.length) { told.textContent = "There was no file in it."; return; }
  const form = new FormData();
  for (const file of wanted) form.append("files", file, file.name);
  const bar = h("progress", { "aria-label": "Progress of adding" });
  const words = h("span", {}, `Sending ${count(wanted.length, "file")}`);
  fill(told, h("p", { class: "upload-progress" }, bar, " ", words));
  try {
    await stream("/api/articles", form, (line) => {
      if (line.event === "progress") {
        words.textContent = clean(line.note);
        if (line.total) { bar.max = line.total; bar.value = line.done; }
      } else if (line.event === "report") report(line, told);
      else if (line.event === "error") throw new Error(line.error.message);
    });
  } catch (error) {
    fill(told, h("p", { class: "bad", role: "alert" }, clean(error.message)));
  }
  forget();
  document.dispatchEvent(new Event("citewire:library"));
}

function report(line, told) {
  const parts = [["added", line.added], ["updated", line.updated], ["already there", line.unchanged], ["refused", line.refused]];
  fill(told,
    h("p", {}, parts.filter(([, n]) => n).map(([word, n]) => `${n} ${word}`).join(", ") || "Nothing was added"),
    h("ul", { class: "file-report" }, line.files.map((f) => h("li", {},
      h("span", { "aria-hidden": "true" }, `${SIGN[f.outcome] ?? "✓"} `), h("bdi", {}, clean(f.name)), ` – ${clean(f.outcome)}`, f.reason ? `: ${clean(f.reason)}` : ""))));
}
