// Keeps the three counters of the landing page fresh while someone looks at them.

const EVERY_MS = 10_000;
const pulse = document.getElementById("pulse");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(pulse.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const counts = await answer.json();
    for (const field of pulse.querySelectorAll("[data-count]")) {
      field.textContent = counts[field.dataset.count].toLocaleString(document.documentElement.lang);
    }
  } catch {
    // Offline: the old numbers stay, and the next round tries again.
  }
}

setInterval(refresh, EVERY_MS);
