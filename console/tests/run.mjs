// Runs the unit tests, then the journeys, and closes with one line of counts.

import { readdirSync } from "node:fs";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const counts = { passed: 0, failed: 0, skipped: 0 };

for (const folder of ["unit", "journeys"]) {
  const directory = new URL(`${folder}/`, import.meta.url);
  const files = readdirSync(directory).filter((name) => name.endsWith(".test.mjs")).map((name) => fileURLToPath(new URL(name, directory)));
  const events = run({ files, concurrency: folder === "unit" });
  events.on("test:pass", (event) => { counts[event.skip ? "skipped" : "passed"] += 1; });
  events.on("test:fail", () => { counts.failed += 1; });
  const report = events.compose(new spec());
  for await (const text of report) process.stdout.write(text);
}

process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
