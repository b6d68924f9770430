// A WebSocket that comes back: it waits longer after each failure, names the last sequence it
// saw, and notices when the other side has gone silent without saying so.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_MS = 25_000;
// Codes that another attempt can't change: not logged in, not allowed, no such thing.
const FINAL_CODES = new Set([4401, 4403, 4404]);

/**
 * Open the socket at `address` (ws://host:port/path/) and keep it open.
 *
 * onMessage(message) gets each parsed message; onState("open" | "lost" | "refused") each change.
 * `silenceMs`: longer without a message counts as lost. Returns { close() }.
 */
export function connect({ address, after = null, silenceMs, ping = true, onMessage, onState }) {
  let socket = null;
  let sequence = after;
  let failures = 0;
  let retry = null;
  let watch = null;
  let pinger = null;
  let over = false;

  function resumed() {
    return sequence === null ? address : `${address}?after=${sequence}`;
  }

  function heard() {
    clearTimeout(watch);
    watch = setTimeout(() => drop(socket), silenceMs);
  }

  function receive(event) {
    heard();
    const message = JSON.parse(event.data);
    failures = 0;
    onState("open");
    if (message.type !== "hello" && Number.isInteger(message.sequence)) sequence = message.sequence;
    onMessage(message);
  }

  function drop(which, code = 0) {
    if (which !== socket || over) return;
    clearTimeout(watch);
    clearInterval(pinger);
    socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
    if (FINAL_CODES.has(code)) {
      over = true;
      onState("refused");
      return;
    }
    onState("lost");
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
    failures += 1;
    retry = setTimeout(open, wait * (0.5 + Math.random() / 2));
  }

  function open() {
    clearTimeout(retry);
    if (over || socket) return;
    const mine = new WebSocket(resumed());
    socket = mine;
    mine.onmessage = receive;
    mine.onclose = (event) => drop(mine, event.code);
    heard();
    if (ping) {
      pinger = setInterval(() => {
        if (mine.readyState === WebSocket.OPEN) mine.send('{"type":"ping"}');
      }, PING_MS);
    }
  }

  // A phone that comes back to the page, or to the network, should not wait for the timer.
  function hurry() {
    if (!document.hidden && socket === null) open();
  }
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  open();

  return {
    close() {
      over = true;
      clearTimeout(retry);
      clearTimeout(watch);
      clearInterval(pinger);
      if (socket) socket.close();
    },
  };
}
