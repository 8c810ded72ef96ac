// Light or dark before the first paint; a choice of the reader wins over the system's.
(() => {
  const KEY = "citewire-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const isDark = () => (chosen() ?? (system.matches ? "dark" : "light")) === "dark";
  const apply = () => {
    const dark = isDark();
    for (const element of [document.documentElement, document.body]) {
      if (element && element.classList.contains("dark") !== dark) element.classList.toggle("dark", dark);
    }
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    // Gradio sets its own idea of the theme on the body when it has loaded.
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
  window.citewireTheme = {
    toggle() {
      try { localStorage.setItem(KEY, isDark() ? "light" : "dark"); } catch { /* private window */ }
      apply();
    },
  };
})();
