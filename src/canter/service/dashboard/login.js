// Trades the API key for the cookie of the dashboard. The key is kept nowhere.

let chosen = null;
try {
  chosen = localStorage.getItem("canter-theme");
} catch {
  // no storage: as the system says
}
const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
document.documentElement.dataset.theme = dark ? "dark" : "light";

const problem = document.getElementById("problem");
const key = document.getElementById("key");

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  try {
    const response = await fetch("login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key: key.value }),
    });
    if (response.ok) {
      location.replace("./");
      return;
    }
    problem.textContent =
      response.status === 401 ? "That is not the key." :
      response.status === 429 ? "Too many tries; wait a minute." : `The service answered ${response.status}.`;
  } catch {
    problem.textContent = "The service cannot be reached.";
  }
  key.select();
});
