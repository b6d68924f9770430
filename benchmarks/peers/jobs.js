// BullMQ's best day: jobs that do nothing, added in bulk, one worker with many at once.
// Prints how long JOBS took, from the first one's adding to the last one's end.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const { REDIS_URL, JOBS } = process.env;
const BULK = 500;
const CONCURRENCY = 100;
const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });

async function run(name, jobs) {
  const queue = new Queue(name, { connection });
  let done = 0;
  let finished;
  const all = new Promise((resolve) => { finished = resolve; });
  const worker = new Worker(name, async () => {}, {
    connection, concurrency: CONCURRENCY,
    removeOnComplete: { count: 0 },
  });
  worker.on("completed", () => { if (++done === jobs) finished(); });
  await worker.waitUntilReady();
  const begun = performance.now();
  for (let at = 0; at < jobs; at += BULK) {
    const some = Math.min(BULK, jobs - at);
    await queue.addBulk(Array.from({ length: some }, () => ({ name: "decide", data: {} })));
  }
  await all;
  const seconds = (performance.now() - begun) / 1000;
  await worker.close();
  await queue.close();
  return { jobs: done, seconds };
}

await run("warm", 500);
console.log(JSON.stringify(await run("jobs", Number(JOBS))));
await connection.quit();
