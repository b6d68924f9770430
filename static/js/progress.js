// Shows how far the server is with a file: one that is imported by a form, or one that is fetched.

const EVERY_MS = 400;
const box = document.querySelector("[data-progress]");
const bar = box.querySelector("progress");
const text = box.querySelector("output");

function show(percent) {
  bar.value = percent;
  text.textContent = `${percent}%`;
}

async function look() {
  const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
  if (answer.ok) show((await answer.json()).percent);
}

function watch() {
  box.hidden = false;
  show(0);
  // A look that fails is followed by another one.
  return setInterval(() => look().catch(() => {}), EVERY_MS);
}

async function fetchFile(address) {
  const looking = watch();
  const answer = await fetch(address).catch(() => null);
  const file = answer?.ok && answer.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/);
  if (!file) {
    // A refusal is a page of its own.
    location.assign(address);
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = file[1];
  link.click();
  clearInterval(looking);
  show(100);
}

const form = box.closest("form");
if (form) {
  form.addEventListener("submit", () => {
    form.querySelector("button").disabled = true;
    watch();
  });
} else {
  fetchFile(box.dataset.file);
}
