// The caller's 20 newest errands, as an Express application would list them: a bearer token and
// its session are checked, the request is counted, and the product's own tables are read.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import express from "express";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";
import pg from "pg";

const { PORT, REDIS_URL, DATABASE_URL, PUBLIC_KEY, WORDS } = process.env;
const A_MINUTE = 60;
const MOST_A_MINUTE = 300;
const PAGE = 20;
const SEOUL_MS = 9 * 3_600_000;
const COLUMNS = `id, kind, pickup_lat, pickup_lng, pickup_address, dropoff_lat, dropoff_lng,
  dropoff_address, weight_kg, bags, floors, expected_minutes, starts_at, deadline_at, lines,
  walking_minutes, state, version, title, note, reward, service_fee, proof, due_at, opened_at,
  accepted_at, delivered_at, ended_at, created_at, requester_id, runner_id`;
const { labels, lines: lineNames, moves } = JSON.parse(readFileSync(WORDS, "utf8"));
const key = createPublicKey(PUBLIC_KEY);
const redis = new Redis(REDIS_URL);
const store = DATABASE_URL.startsWith("postgres") ? postgresql() : sqlite();

function postgresql() {
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
  // Named: prepared once a connection.
  const ask = async (name, text, ...values) => (await pool.query({ name, text, values })).rows;
  return {
    user: (id) => ask("user", "SELECT id, is_active FROM accounts_user WHERE id = $1", id),
    errands: (id) => ask("errands", `SELECT ${COLUMNS} FROM errands_errand
      WHERE requester_id = $1 ORDER BY id DESC LIMIT ${PAGE + 1}`, id),
    people: (ids) => ask("people",
      "SELECT id, nickname FROM accounts_user WHERE id = ANY($1::uuid[])", ids),
    id: (value) => value,
    json: (value) => value,
    time: (value) => value,
  };
}

function sqlite() {
  const database = new Database(DATABASE_URL.replace("sqlite:///", ""), { readonly: true });
  const user = database.prepare("SELECT id, is_active FROM accounts_user WHERE id = ?");
  const errands = database.prepare(`SELECT ${COLUMNS} FROM errands_errand
    WHERE requester_id = ? ORDER BY id DESC LIMIT ${PAGE + 1}`);
  const people = database.prepare(`SELECT id, nickname FROM accounts_user
    WHERE id IN (SELECT value FROM json_each(?))`);
  const dashes = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;
  return {
    user: (id) => user.all(id.replaceAll("-", "")),
    errands: (id) => errands.all(id.replaceAll("-", "")),
    people: (ids) => people.all(JSON.stringify(ids)),
    id: (value) => value && value.replace(dashes, "$1-$2-$3-$4-$5"),
    json: JSON.parse,
    time: (value) => value && new Date(`${value.slice(0, 23).replace(" ", "T")}Z`),
  };
}

// As our API writes times: Seoul's, microseconds, none of them when they are zero.
function shownTime(stored) {
  const at = store.time(stored);
  if (!at) return null;
  const text = new Date(at.getTime() + SEOUL_MS).toISOString();
  return `${text.endsWith(".000Z") ? text.slice(0, 19) : `${text.slice(0, -1)}000`}+09:00`;
}

function shown(row, people, caller) {
  const role = store.id(row.requester_id) === caller ? "requester" : "runner";
  return {
    id: store.id(row.id),
    kind: row.kind,
    pickup: { lat: row.pickup_lat, lng: row.pickup_lng, address: row.pickup_address },
    dropoff: row.dropoff_lat === null
      ? null
      : { lat: row.dropoff_lat, lng: row.dropoff_lng, address: row.dropoff_address },
    weight_kg: row.weight_kg,
    bags: row.bags,
    floors: row.floors,
    expected_minutes: row.expected_minutes,
    starts_at: shownTime(row.starts_at),
    deadline_at: shownTime(row.deadline_at),
    lines: store.json(row.lines)
      .map(({ code, amount }) => ({ code, name: lineNames[code], amount })),
    walking_minutes: row.walking_minutes,
    state: row.state,
    state_label: labels[row.kind][row.state],
    version: row.version,
    title: row.title,
    note: row.note,
    reward: row.reward,
    service_fee: row.service_fee,
    total: row.reward + row.service_fee,
    proof: row.proof,
    due_at: shownTime(row.due_at),
    opened_at: shownTime(row.opened_at),
    accepted_at: shownTime(row.accepted_at),
    delivered_at: shownTime(row.delivered_at),
    ended_at: shownTime(row.ended_at),
    created_at: shownTime(row.created_at),
    requester: people.get(row.requester_id),
    runner: row.runner_id === null ? null : people.get(row.runner_id),
    role,
    moves: moves[row.kind][row.state][role],
  };
}

async function known(request, response, next) {
  let token;
  try {
    token = jwt.verify(request.get("authorization")?.slice("Bearer ".length) ?? "", key, {
      algorithms: ["RS256"],
    });
  } catch {
    return response.sendStatus(401);
  }
  const counted = `rate:${token.sub}:${Math.floor(Date.now() / (A_MINUTE * 1_000))}`;
  const [[, session], [, count]] = await redis.pipeline()
    .get(`session:${token.sid}`).incr(counted).expire(counted, A_MINUTE).exec();
  if (session === null || JSON.parse(session).user_id !== token.sub) {
    return response.sendStatus(401);
  }
  if (count > MOST_A_MINUTE) return response.sendStatus(429);
  const [user] = await store.user(token.sub);
  if (!user?.is_active) return response.sendStatus(401);
  request.caller = token.sub;
  next();
}

const app = express().disable("x-powered-by").disable("etag");
app.get("/api/v1/errands", known, async (request, response) => {
  const rows = await store.errands(request.caller);
  const ids = new Set(rows.flatMap((row) => [row.requester_id, row.runner_id]).filter(Boolean));
  const people = new Map((await store.people([...ids]))
    .map(({ id, nickname }) => [id, { id: store.id(id), nickname }]));
  response.json({
    next: null,  // the callers here have one page
    previous: null,
    results: rows.slice(0, PAGE).map((row) => shown(row, people, request.caller)),
  });
});
app.listen(Number(PORT), "127.0.0.1");
