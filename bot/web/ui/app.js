// The frame: pages by address, the state of the program, keys.

import { get } from "./api.js";
import { showFirstRun, showRecord, startAsk, takeUp } from "./ask.js";
import { closePane, showOverview } from "./article.js";
import { $, bytes, clean, fill, h } from "./dom.js";

const PAGES = ["ask", "library", "conversations", "models", "evals"];
const MODULES = { library: "./library.js", conversations: "./conversations.js", models: "./models.js", evals: "./evals.js" };

const STATES = {
  opening: ["○", "Starting"], loading: ["◌", "Loading"], fetching: ["↓", "Fetching"],
  empty: ["○", "No articles"], ready: ["●", "Ready"], error: ["✕", "Problem"], lost: ["✕", "No connection"],
};

async function route() {
  const [, wanted = "ask", rest = ""] = location.hash.match(/^#\/(\w+)(?:\/([\w-]+))?/) ?? [];
  const page = PAGES.includes(wanted) ? wanted : "ask";
  closePane();
  for (const one of PAGES) $(`#page-${one}`).hidden = one !== page;
  for (const link of document.querySelectorAll("nav.pages a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = page === "ask" ? "citewire" : `${page[0].toUpperCase()}${page.slice(1)} – citewire`;
  if (page === "ask" && rest) await takeUp(rest).catch(() => {});
  if (MODULES[page]) {
    const module = await import(MODULES[page]);
    await module.show($(`#page-${page}`), rest);
  }
}

export function go(page) {
  const target = `#/${page}`;
  if (location.hash === target) route();
  else location.hash = target;
  $("#main").focus({ preventScroll: true });
}

let last = "";

// An open session whose engine is still loading is not ready yet, whatever else is.
function effective(status) {
  const model = status.model?.state;
  if (status.state !== "ready" || !["fetching", "loading", "error", "absent"].includes(model)) return status;
  const word = { fetching: "Fetching the model.", loading: "Loading the model.", error: "The model cannot be used.", absent: "The model is not on this machine yet." }[model];
  return { ...status, state: model === "absent" ? "error" : model, message: (model === "error" && status.model.detail) || status.message || word };
}

function showState(given) {
  const status = effective(given);
  const [sign, word] = STATES[status.state] ?? STATES.error;
  const state = $("#state");
  state.dataset.state = status.state;
  $(".state-sign", state).textContent = sign;
  $(".state-word", state).textContent = status.state === "ready" && status.model ? clean(status.model.spec.replace(/^[a-z]+:/, "")) : word;
  state.setAttribute("aria-label", `${word}${status.model ? `: ${clean(status.model.spec)}` : ""}. Open the models page.`);
  const bar = $("#notice");
  const speaks = ["fetching", "loading", "opening", "error", "lost"].includes(status.state) && status.message;
  const key = speaks ? `${status.state}${status.message}${status.done}` : "";
  if (key === last) return;
  last = key;
  bar.hidden = !speaks;
  bar.className = `notice-bar n-${status.state}`;
  if (!speaks) { fill(bar); return; }
  const amount = status.total > 100_000 ? ` – ${bytes(status.done)} of ${bytes(status.total)}` : "";
  fill(bar, h("span", {}, clean(status.message) + amount),
    status.total ? h("progress", { max: status.total, value: status.done, "aria-label": "Progress" }) : null);
}

async function watch() {
  let wait = 1000;
  try {
    const status = await get("/api/status");
    showState(status);
    showFirstRun(status);
    wait = ["ready", "empty"].includes(effective(status).state) ? 10_000 : 1000;
  } catch (error) {
    showState({ state: "lost", message: `${error.message} Trying again.` });
    wait = 3000;
  }
  clearTimeout(watch.timer);
  watch.timer = setTimeout(watch, wait);
}

document.addEventListener("citewire:library", () => { watch(); showOverview(); });

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-page]");
  if (link) { event.preventDefault(); go(link.dataset.page); }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape") closePane();
  else if (event.key === "/" && !typing && !$("#page-ask").hidden) { event.preventDefault(); $("#question").focus(); }
});

$("#theme").addEventListener("click", () => window.citewireTheme.toggle());
window.addEventListener("hashchange", route);
startAsk();
const record = new URLSearchParams(location.search).get("answer");
if (record) showRecord(record);
route().then(watch);
document.documentElement.dataset.ready = "yes";
// Gradio brings the theme; its stage takes the page in when it is up.
const settle = () => {
  const stage = document.getElementById("citewire-stage");
  if (!stage) return false;
  document.documentElement.dataset.gradio = "yes";
  return true;
};
if (!settle()) {
  const seen = new MutationObserver(() => { if (settle()) seen.disconnect(); });
  seen.observe(document.body, { childList: true, subtree: true });
}
