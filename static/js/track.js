// The public tracking page: the server draws the first state, a socket keeps it fresh, and
// where sockets don't get through it asks again every few seconds.

import { createMap, dropoffIcon, L, pickupIcon, runnerIcon, walkedLine } from "./map.js";
import { connect } from "./socket.js";

const POLL_MS = 8_000;
const SILENCE_MS = 60_000;
const CLOSE_UP = 16;
const WALK_MS = 1_600; // from one message to the next, as in map.css
const BLOCK_M = 106; // from the middle of a 150 m block to its corner
const HEADING_FOR_PICKUP = new Set(["open", "assigned", "at_pickup", "returning"]);

const page = JSON.parse(document.getElementById("page-data").textContent);
const field = (name) => document.querySelector(`[data-field="${name}"]`);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "Asia/Seoul",
});

const map = createMap(document.getElementById("map"), page.map);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const follow = document.getElementById("follow");
const line = walkedLine(map, []);
let runner = null;
let following = true;
let ahead = []; // where the runner was meanwhile, and is not shown yet
let pace = null;
let poller = null;
let ended = false;

function stepClass(step, { state, ended }) {
  if (step.state !== state) return step.at ? "done" : "";
  if (!ended) return "current";
  return state === "completed" ? "done" : "stopped";
}

function progressItem(step, data) {
  const item = document.createElement("li");
  item.className = stepClass(step, data);
  if (step.state === data.state) item.setAttribute("aria-current", "step");
  const label = document.createElement("span");
  label.textContent = step.label;
  item.append(label);
  if (step.at) {
    const time = document.createElement("time");
    time.dateTime = step.at;
    time.textContent = clock.format(new Date(step.at));
    item.append(time);
  }
  return item;
}

function showEta(minutes) {
  field("eta").hidden = minutes === null;
  if (minutes === null) return;
  const whole = Math.max(1, Math.round(minutes));
  field("eta-minutes").textContent = page.strings.minutes.replace("{minutes}", whole);
}

function showTime(at) {
  field("updated").textContent = page.strings.updated.replace("{time}", clock.format(new Date(at)));
}

function showRunner(position) {
  if (!position) {
    if (runner) runner.remove();
    runner = null;
    return;
  }
  const place = [position.lat, position.lng];
  if (!runner) {
    const look = { icon: runnerIcon({ size: 46 }), alt: page.strings.runner, zIndexOffset: 1000 };
    runner = L.marker(place, look);
    runner.addTo(map);
    return;
  }
  runner.setLatLng(place);
  if (following && !map.getBounds().pad(-0.15).contains(place)) map.panTo(place);
}

// After a tunnel a phone sends all of its way at once: the runner walks it, and jumps over nothing.
function walk(way) {
  ahead.push(...way);
  clearInterval(pace);
  if (still.matches || document.hidden) {
    while (ahead.length > 0) step(0);
    return;
  }
  const each = WALK_MS / ahead.length;
  step(each);
  pace = setInterval(() => (ahead.length > 0 ? step(each) : clearInterval(pace)), each);
}

function step(duration) {
  const [lat, lng] = ahead.shift();
  line.add([lat, lng]);
  showRunner({ lat, lng });
  runner.getElement().style.transitionDuration = `${duration}ms`;
}

// Pickup and destination are known here only as the block they are in.
function drawPlaces({ pickup, dropoff }) {
  for (const [where, icon] of [[pickup, pickupIcon("wait")], [dropoff, dropoffIcon("carry")]]) {
    if (!where) continue;
    const middle = [where.lat, where.lng];
    const area = { radius: BLOCK_M, weight: 0, fillOpacity: 0.16, interactive: false };
    L.circle(middle, { ...area, className: "area" }).addTo(map);
    L.marker(middle, { icon, interactive: false, keyboard: false }).addTo(map);
  }
}

// Everything that matters at first sight: the runner, where they head, the way so far.
function frame({ state, pickup, dropoff }) {
  const target = HEADING_FOR_PICKUP.has(state) ? pickup : (dropoff ?? pickup);
  const points = target ? [[target.lat, target.lng]] : [];
  if (runner) points.push(runner.getLatLng());
  if (points.length < 2 && line.bounds().isValid()) points.push(line.bounds());
  if (points.length === 0) return;
  map.fitBounds(L.latLngBounds(points), { padding: [48, 48], maxZoom: CLOSE_UP, animate: false });
}

function show(data) {
  // Changing a live region to the same words would be read out again.
  if (field("state").textContent !== data.state_label) field("state").textContent = data.state_label;
  field("progress").replaceChildren(...data.progress.map((step) => progressItem(step, data)));
  showEta(data.eta_minutes);
  showTime(data.updated_at);
  ahead = [];
  line.set(data.walked.map((point) => [point.lat, point.lng]));
  showRunner(data.position);
  if (data.ended) finish();
}

function finish() {
  ended = true;
  stopPolling();
  socket.close();
  follow.hidden = true;
  field("live").hidden = true;
}

async function refresh() {
  try {
    const answer = await fetch(page.api, { headers: { Accept: "application/json" } });
    if (answer.status === 404) return location.reload(); // the server says what has happened
    if (answer.ok) show(await answer.json());
  } catch {
    // No network: the socket's state already says so on the page.
  }
}

function startPolling() {
  poller ??= setInterval(() => document.hidden || refresh(), POLL_MS);
}

function stopPolling() {
  clearInterval(poller);
  poller = null;
}

function onMessage(message) {
  if (message.type === "position") {
    walk(message.path ?? [[message.lat, message.lng]]);
    showEta(message.eta_minutes);
    showTime(message.recorded_at);
  } else if (message.type === "errand.event" || message.type === "hello") {
    refresh();
  }
}

function onState(state) {
  if (ended) return;
  field("lamp").dataset.state = state;
  field("connection").textContent = page.strings[state];
  if (state === "open") stopPolling();
  else startPolling();
}

map.on("dragstart", () => {
  following = false;
  follow.hidden = !runner;
});
follow.addEventListener("click", () => {
  following = true;
  follow.hidden = true;
  if (runner) map.panTo(runner.getLatLng());
});

const socket = page.data.ended
  ? { close() {} }
  : connect({ address: page.socket, silenceMs: SILENCE_MS, onMessage, onState });
show(page.data);
drawPlaces(page.data);
frame(page.data);
