// Light or dark: as the system says, unless one was chosen here; the choice is remembered.

const KEY = "canter-theme";
const ORDER = ["system", "light", "dark"];
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

let chosen = "system";
try {
  chosen = ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";
} catch {
  // no storage: the system's choice holds
}

function apply() {
  const dark = chosen === "dark" || (chosen === "system" && prefersDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.dispatchEvent(new Event("themechange"));
}

/** Makes a button that goes from one to the next. */
export function themeButton(button) {
  const show = () => {
    button.dataset.choice = chosen;
    button.setAttribute("aria-label", `Colours: ${chosen}`);
    button.title = `Colours: ${chosen}`;
  };
  button.addEventListener("click", () => {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // it holds until the page is left
    }
    apply();
    show();
  });
  show();
}

prefersDark.addEventListener("change", apply);
apply();
