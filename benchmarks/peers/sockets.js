// Express' usual companion for WebSockets, plain: one process, one Redis client.
// /runner/<name> stores each position by GEOADD, acknowledges it, and shows it to whoever
// is at /watch/<name>.
import { Redis } from "ioredis";
import { WebSocketServer } from "ws";

const { PORT, REDIS_URL } = process.env;
const redis = new Redis(REDIS_URL);
const watchers = new Map();

function run(socket, name) {
  socket.on("message", async (data) => {
    const { points } = JSON.parse(data);
    const { lat, lng, recorded_at } = points.at(-1);
    await redis.geoadd("where", lng, lat, name);
    socket.send(JSON.stringify({ type: "positions.ack", kept: points.length, refused: {} }));
    const watching = watchers.get(name);
    if (watching) {
      const text = JSON.stringify({ type: "position", lat, lng, eta_minutes: null, recorded_at });
      for (const watcher of watching) watcher.send(text);
    }
  });
}

function watch(socket, name) {
  const watching = watchers.get(name) ?? new Set();
  watchers.set(name, watching.add(socket));
  socket.on("close", () => watching.delete(socket));
}

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(PORT), backlog: 4096 });
server.on("connection", (socket, request) => {
  const [, kind, name] = request.url.split("/");
  (kind === "runner" ? run : watch)(socket, name);
  socket.send(JSON.stringify({ type: "hello" }));
});
