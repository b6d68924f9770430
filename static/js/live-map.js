// The staff's live map: everyone on duty and every live errand, redrawn from each snapshot.

import { createMap, dropoffIcon, L, pickupIcon, runnerIcon } from "./map.js";
import { connect } from "./socket.js";

const SILENCE_MS = 10_000;
const CLOSE_UP = 16;

const page = JSON.parse(document.getElementById("page-data").textContent);
const field = (name) => document.querySelector(`[data-field="${name}"]`);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeStyle: "medium",
  timeZone: "Asia/Seoul",
});

const map = createMap(document.getElementById("map"), page.map);
const runners = new Map(); // id → {data, marker}
const errands = new Map(); // id → {data, pickup, dropoff, leg}
const hidden = new Set(); // tones the filter leaves out
let chosen = null;
let listed = "errands";
let framed = false;

const latLng = (place) => [place.lat, place.lng];
const short = (id) => id.replaceAll("-", "").slice(-6);
const stateOf = (errand) => page.states[errand.state] ?? { label: errand.state, tone: "done" };
const isShown = (errand) => !hidden.has(stateOf(errand).tone);
// Before the goods are picked up the runner walks to the pickup, afterwards to the destination.
const targetOf = (errand) =>
  stateOf(errand).tone === "carry" && errand.dropoff ? errand.dropoff : errand.pickup;

function popup(title, detail, href) {
  const box = document.createElement("div");
  const name = document.createElement("strong");
  name.textContent = title;
  const link = document.createElement("a");
  link.href = href;
  link.textContent = page.strings.details;
  box.append(name, `${detail} `, link);
  return box;
}

function errandName(errand) {
  return `${page.kinds[errand.kind] ?? errand.kind} · ${short(errand.id)}`;
}

function runnerName(runner) {
  return `${page.strings.runner} · ${short(runner.id)}`;
}

const errandPopup = (errand) =>
  popup(errandName(errand), stateOf(errand).label, page.errandUrl.replace(page.blank, errand.id));
const runnerPopup = (runner) =>
  popup(
    runnerName(runner),
    runner.busy ? page.strings.busy : page.strings.idle,
    page.runnerUrl.replace(page.blank, runner.id),
  );

function drawRunner(data) {
  const known = runners.get(data.id);
  if (!known) {
    const look = { icon: runnerIcon(data), alt: runnerName(data), zIndexOffset: 1000 };
    const marker = L.marker(latLng(data), look);
    marker.bindPopup(() => runnerPopup(runners.get(data.id).data));
    marker.on("click", () => choose(data.id, { move: false }));
    marker.addTo(map);
    runners.set(data.id, { data, marker });
    return;
  }
  known.marker.setLatLng(latLng(data));
  if (known.data.busy !== data.busy) known.marker.setIcon(runnerIcon(data));
  known.data = data;
}

function place(data, where, icon) {
  const marker = L.marker(latLng(where), { icon, alt: errandName(data) });
  marker.bindPopup(() => errandPopup(errands.get(data.id)?.data ?? data));
  marker.on("click", () => choose(data.id, { move: false }));
  return marker;
}

function removeErrand(drawn) {
  for (const layer of [drawn.pickup, drawn.dropoff, drawn.leg]) layer?.remove();
}

function drawErrand(data) {
  const { tone } = stateOf(data);
  let drawn = errands.get(data.id);
  if (!drawn) {
    drawn = { pickup: place(data, data.pickup, pickupIcon(tone)), tone };
    drawn.dropoff = data.dropoff && place(data, data.dropoff, dropoffIcon(tone));
    errands.set(data.id, drawn);
  } else if (drawn.tone !== tone) {
    drawn.pickup.setIcon(pickupIcon(tone));
    drawn.dropoff?.setIcon(dropoffIcon(tone));
    drawn.tone = tone;
  }
  drawn.data = data;
  for (const marker of [drawn.pickup, drawn.dropoff]) {
    if (marker && isShown(data)) marker.addTo(map);
    else marker?.remove();
  }
  drawLeg(drawn);
}

function drawLeg(drawn) {
  const runner = runners.get(drawn.data.runner_id);
  drawn.leg?.remove();
  drawn.leg = null;
  if (!runner || !isShown(drawn.data) || drawn.tone === "done") return;
  const ends = [latLng(runner.data), latLng(targetOf(drawn.data))];
  const className = `leg tone-${drawn.tone}`;
  drawn.leg = L.polyline(ends, { className, weight: 2.5, dashArray: "2 6", interactive: false });
  drawn.leg.addTo(map);
}

function forgetMissing(known, present, remove) {
  const ids = new Set(present.map(({ id }) => id));
  for (const [id, drawn] of known) {
    if (ids.has(id)) continue;
    remove(drawn);
    known.delete(id);
  }
}

function frame() {
  const points = [...runners.values()].map(({ data }) => latLng(data));
  for (const { data } of errands.values()) points.push(latLng(data.pickup));
  if (framed || points.length === 0) return;
  framed = true;
  map.fitBounds(points, { padding: [30, 30], maxZoom: 15, animate: false });
}

function row(id, tone, title, detail) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.id = id;
  button.className = `tone-${tone}`;
  button.setAttribute("aria-pressed", String(id === chosen));
  const name = document.createElement("strong");
  name.textContent = title;
  const note = document.createElement("span");
  note.textContent = detail;
  button.append(name, note);
  item.append(button);
  return item;
}

function errandRows() {
  return [...errands.values()]
    .map(({ data }) => data)
    .filter(isShown)
    .sort((a, b) => page.order.indexOf(a.state) - page.order.indexOf(b.state) || (a.id < b.id ? -1 : 1))
    .map((data) => row(data.id, stateOf(data).tone, errandName(data), stateOf(data).label));
}

function runnerRows() {
  return [...runners.values()]
    .map(({ data }) => data)
    .sort((a, b) => Number(b.busy) - Number(a.busy) || (a.id < b.id ? -1 : 1))
    .map((data) => {
      const words = data.busy ? page.strings.busy : page.strings.idle;
      return row(data.id, data.busy ? "carry" : "done", runnerName(data), words);
    });
}

function showList() {
  const list = field("list");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  const rows = listed === "errands" ? errandRows() : runnerRows();
  list.replaceChildren(...rows);
  field("nothing").hidden = rows.length > 0;
  if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus({ preventScroll: true });
}

function showCounts(counts) {
  for (const item of document.querySelectorAll("[data-count]")) {
    item.textContent = (counts[item.dataset.count] ?? 0).toLocaleString(document.documentElement.lang);
  }
}

function countNow() {
  const counts = { runners: runners.size, errands: errands.size };
  for (const { tone } of errands.values()) counts[tone] = (counts[tone] ?? 0) + 1;
  return counts;
}

function mark() {
  for (const [id, { marker }] of runners) {
    marker.getElement()?.classList.toggle("chosen", id === chosen);
  }
  for (const [id, drawn] of errands) {
    drawn.pickup.getElement()?.classList.toggle("chosen", id === chosen);
    drawn.dropoff?.getElement()?.classList.toggle("chosen", id === chosen);
  }
}

function choose(id, { move }) {
  chosen = id;
  const wanted = errands.has(id) ? "errands" : "runners";
  if (listed !== wanted) switchTo(wanted);
  else showList();
  mark();
  if (!move) {
    const button = field("list").querySelector(`[data-id="${id}"]`);
    button?.scrollIntoView({ block: "nearest" });
    return;
  }
  const marker = errands.get(id)?.pickup ?? runners.get(id)?.marker;
  if (!marker) return;
  map.setView(marker.getLatLng(), Math.max(map.getZoom(), CLOSE_UP));
  marker.openPopup();
}

function switchTo(which) {
  listed = which;
  for (const tab of document.querySelectorAll("[data-list]")) {
    tab.setAttribute("aria-pressed", String(tab.dataset.list === which));
  }
  showList();
}

function onMessage(message) {
  if (message.type !== "snapshot") return;
  message.runners.forEach(drawRunner);
  forgetMissing(runners, message.runners, (drawn) => drawn.marker.remove());
  message.errands.forEach(drawErrand);
  forgetMissing(errands, message.errands, removeErrand);
  showCounts(countNow());
  showList();
  mark();
  frame();
  field("time").textContent = clock.format(new Date(message.at ?? Date.now()));
}

function onState(state) {
  field("status").dataset.state = state;
  field("words").textContent = page.strings[state];
}

field("list").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) choose(button.dataset.id, { move: true });
});
for (const tab of document.querySelectorAll("[data-list]")) {
  tab.addEventListener("click", () => switchTo(tab.dataset.list));
}
for (const box of document.querySelectorAll("[data-tone]")) {
  box.addEventListener("change", () => {
    if (box.checked) hidden.delete(box.dataset.tone);
    else hidden.add(box.dataset.tone);
    for (const drawn of errands.values()) drawErrand(drawn.data);
    showList();
    mark();
  });
}

connect({ address: page.socket, silenceMs: SILENCE_MS, onMessage, onState });
