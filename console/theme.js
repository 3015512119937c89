// A classic script in <head>: it runs before the first paint, so a chosen theme never flashes.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("casemate.theme");
  } catch {
    // Storage may be switched off; the system's theme is used then.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
