import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../ui/format.js";

const table = (act, rows) => rows.forEach(([input, expected]) => assert.deepEqual(act(input), expected, String(input)));

test("sizes are in binary units", () => {
  table(format.bytes, [[0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1536, "1.5 KiB"], [10 * 1024 ** 2, "10 MiB"], [173_000, "169 KiB"], [3 * 1024 ** 4, "3 TiB"], [5000 * 1024 ** 4, "5000 TiB"]]);
});

test("sizes are read back with and without units", () => {
  table(format.parseBytes, [["65536", 65536], ["64 KiB", 65536], ["64k", 65536], ["1.5MiB", 1572864], ["2G", 2 * 1024 ** 3], ["", null], ["-1", null], ["1 elephant", null], ["1e9", null]]);
});

test("spans are short and readable", () => {
  table(format.duration, [[0, "0 ms"], [999, "999 ms"], [1000, "1 s"], [1234, "1.23 s"], [30_012, "30 s"], [185_000, "3 min 5 s"], [7_440_000, "2 h 4 min"], [90_000_000, "1 d 1 h"]]);
});

test("spans are read back", () => {
  table(format.parseDuration, [["1500", 1500], ["1500 ms", 1500], ["1.5 s", 1500], ["2 min", 120_000], ["1h", 3_600_000], ["soon", null]]);
});

test("counts are grouped, compacted and read back", () => {
  table(format.count, [[0, "0"], [999, "999"], [1000, "1\u202f000"], [20_000_000_000, "20\u202f000\u202f000\u202f000"]]);
  table(format.compact, [[999_999, "999\u202f999"], [812_345_678, "812 M"], [20_000_000_000, "20 G"], [19_800_000_000, "19.8 G"]]);
  table(format.parseCount, [["20 000", 20000], ["2e9", 2_000_000_000], ["1_000", 1000], ["1.5", null], ["x", null], ["1e99", null]]);
});

test("times are told from now", () => {
  const now = Date.parse("2026-01-10T12:00:00Z");
  const at = (time) => format.relative(time, now);
  table(at, [["2026-01-10T12:00:00.400Z", "just now"], ["2026-01-10T11:59:48Z", "12 s ago"], ["2026-01-10T11:30:00Z", "30 min ago"], ["2026-01-09T11:00:00Z", "25 h ago"], ["2026-01-01T12:00:00Z", "9 d ago"], ["2026-01-10T12:05:00Z", "in 5 min"], ["never", "unknown"]]);
});

test("output cannot steer or deceive the reader", () => {
  assert.equal(format.printable("a\u001b[31mred\u001b[0m\n\tb\r\nc"), "a‹1B›[31mred‹1B›[0m\n\tb\nc");
  assert.equal(format.printable("over\rwrite \u0000\u009b31m \u202egpj.exe\ufeff"), "over‹0D›write ‹00›‹9B›31m ‹202E›gpj.exe‹FEFF›");
  assert.equal(format.printable("größe 日本 👩‍👩‍👧"), "größe 日本 👩‍👩‍👧");
});

test("messages of the API read as sentences", () => {
  table(format.sentence, [["the name a.b is taken", "The name a.b is taken."], ["`x` is no digest", "`x` is no digest."], ["sha256:00 is missing", "sha256:00 is missing."], ["Done.", "Done."], ["", ""]]);
});

test("a noun follows its number", () => {
  assert.equal(format.plural(1, "entry", "entries"), "1 entry");
  assert.equal(format.plural(0, "bucket"), "0 buckets");
});
