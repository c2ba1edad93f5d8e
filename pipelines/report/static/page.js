// Dark and light, and copying of the command. The pages can be read without it.
"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const asked = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("regpipe-theme");
    } catch {
      return null;  // a page opened from a file may not remember anything
    }
  };
  const show = (theme) => {
    if (theme) root.dataset.theme = theme;
    const dark = (theme || (asked.matches ? "dark" : "light")) === "dark";
    button.setAttribute("aria-pressed", String(dark));
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", dark ? "Change to light colours" : "Change to dark colours");
    return dark;
  };
  let dark = show(kept());
  button.addEventListener("click", () => {
    const theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("regpipe-theme", theme);
    } catch {
      // then it holds for this page only
    }
    dark = show(theme);
  });
  asked.addEventListener("change", () => {
    if (!root.dataset.theme) dark = show(null);
  });
  for (const copy of document.querySelectorAll("[data-copy]")) {
    copy.addEventListener("click", async () => {
      const text = copy.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(copy.parentElement.querySelector("code"));
        copy.textContent = "Selected";
      }
    });
  }
})();
