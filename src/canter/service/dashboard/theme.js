// Light or dark: as the system says, unless one was chosen here; the choice is remembered. A plain script that
// runs before the page is drawn, so that it never shows in the other one first.
"use strict";

{
  const KEY = "canter-theme";
  const ORDER = ["system", "light", "dark"];
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "system";

  try {
    if (ORDER.includes(localStorage.getItem(KEY))) chosen = localStorage.getItem(KEY);
  } catch {
    // no storage: as the system says
  }

  const apply = () => {
    const dark = chosen === "dark" || (chosen === "system" && prefersDark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new Event("themechange"));
  };

  const choose = (next) => {
    chosen = next;
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // it holds until the page is left
    }
    apply();
  };

  prefersDark.addEventListener("change", apply);
  apply();

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const show = () => {
      button.dataset.choice = chosen;
      button.title = `Colours: ${chosen}`;
      button.setAttribute("aria-label", button.title);
    };
    button.addEventListener("click", () => {
      choose(ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length]);
      show();
    });
    show();
  });
}
