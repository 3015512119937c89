// What a person sees of tasks over time: their log while they run, what became of them, and schedules.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { copyGuest, talkingGuest } from "./guests.mjs";
import { startNode } from "./node.mjs";

const LINES = 120;
const OUT = `\u001b[31mhello\u001b[0m <b>reader</b>\n${Array.from({ length: LINES }, (_, index) => `row ${index}\n`).join("")}`;
const ERR = "careful\ncasemate:progress 3/8 rows <i>of all</i>\n";

let node;
let browser;
let page;

before(async () => {
  node = await startNode();
  browser = await openBrowser({ url: node.url });
  ({ page } = browser);
  await browser.open(`#/login?token=${encodeURIComponent(node.token)}`);
  await heading("Overview");
  await put("copy.wasm", copyGuest());
  await put("talk.wasm", talkingGuest(OUT, ERR));
});
after(async () => {
  await browser?.close();
  await node?.stop();
});

function journey(name, act) {
  test(name, async () => {
    await act();
    assert.deepEqual(browser.complaints.splice(0), [], "the browser complained");
  });
}

const heading = (text) => page.getByRole("heading", { level: 1, name: text }).waitFor();
const button = (name) => page.getByRole("button", { name, exact: true });
const field = (label) => page.getByLabel(label, { exact: true });
const badge = (text) => page.locator(".page-head .badge", { hasText: text });
const visit = async (hash, title) => {
  await page.evaluate((target) => { location.hash = target; }, hash);
  await heading(title);
};
const put = (key, bytes) => page.evaluate(async ([key, bytes]) => {
  await fetch(`/api/v1/objects/guests/${key}`, { method: "PUT", headers: { "x-casemate-csrf": "1" }, body: new Uint8Array(bytes) });
}, [key, [...bytes]]);
const submit = (task, query = "") => page.evaluate(async ([task, query]) => {
  const response = await fetch(`/api/v1/tasks${query}`, { method: "POST", headers: { "x-casemate-csrf": "1", "content-type": "application/json" }, body: JSON.stringify(task) });
  return response.json();
}, [task, query]);
const talk = () => submit({ module: { bucket: "guests", key: "talk.wasm" }, limits: { wall_ms: 120_000, fuel: 90e12 } });
const line = (mark, text) => page.locator(`.log-line[data-mark=${mark}]`, { hasText: text });

async function cancelHere() {
  await button("Cancel").click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the task", exact: true }).click();
  await badge("cancelled").waitFor();
}

journey("reads what a program writes while it runs, and how far it is", async () => {
  const { id } = await talk();
  await visit(`#/tasks/${id}`, id);
  await line("out", "‹1B›[31mhello‹1B›[0m <b>reader</b>").waitFor({ timeout: 60_000 });
  await line("err", "careful").waitFor();
  assert.equal(await page.locator(".log b, .task-progress i").count(), 0);
  const bar = page.getByRole("progressbar", { name: "Progress of the task" });
  await page.getByText("3 of 8: rows <i>of all</i>").first().waitFor();
  assert.deepEqual(await bar.evaluate((element) => [element.value, element.max]), [3, 8]);
  await line("out", `row ${LINES - 1}`).waitFor();
  const log = page.getByRole("log", { name: "Live log" });
  const fromEnd = () => log.evaluate((element) => Math.round(element.scrollHeight - element.scrollTop - element.clientHeight));
  assert.ok(await fromEnd() < 4, "the end is in sight");
  await log.focus();
  await page.keyboard.press("Home");
  await button("Go to the end").waitFor();
  // Browsers scroll by keys with a motion.
  while (await log.evaluate((element) => element.scrollTop) > 0) await page.waitForTimeout(20);
  await button("Go to the end").click();
  await button("Go to the end").waitFor({ state: "hidden" });
  assert.ok(await fromEnd() < 4);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "log", "the focus is not lost");
  await cancelHere();
  await log.waitFor({ state: "detached" });
  await bar.waitFor({ state: "detached" });
});

journey("goes on with a log after it was refused, without a line twice", async () => {
  await page.route("**/logs", (route) => route.abort());
  const { id } = await talk();
  await visit(`#/tasks/${id}`, id);
  await page.getByText("The connection is lost. It is tried again").waitFor();
  await page.unroute("**/logs");
  await line("err", "careful").waitFor({ timeout: 60_000 });
  await page.context().setOffline(true);
  await page.context().setOffline(false);
  await visit("#/tasks", "Tasks");
  await visit(`#/tasks/${id}`, id);
  await line("out", `row ${LINES - 1}`).waitFor();
  assert.equal(await line("err", "careful").count(), 1);
  assert.equal(await page.locator(".log-line[data-mark=out]").count(), LINES + 1);
  await cancelHere();
  assert.deepEqual(browser.complaints.splice(0).filter((one) => !/ERR_(FAILED|INTERNET_DISCONNECTED)/.test(one)), []);
});

journey("counts what became of tasks, hour by hour", async () => {
  await submit({ module: { bucket: "guests", key: "copy.wasm" } }, "?wait=60");
  await visit("#/tasks", "Tasks");
  await page.getByRole("link", { name: "Statistics", exact: true }).click();
  await heading("Statistics of tasks");
  await page.getByRole("img", { name: /ended in the last 24 hours: .*succeeded/ }).waitFor();
  await page.locator(".figure", { hasText: "Mean run" }).waitFor();
  await page.locator(".hours summary").click();
  await page.locator(".hours tbody tr").first().waitFor();
  await page.getByLabel("How far to look back").selectOption("168");
  await page.getByRole("img", { name: /ended in the last 7 days/ }).waitFor();
  assert.ok(await page.locator(".hours details").evaluate((element) => element.open), "what was opened stays open");
  assert.match(page.url(), /hours=168$/);
  await page.locator(".counts").getByRole("link", { name: "succeeded" }).click();
  await heading("Tasks");
});

journey("makes a schedule, whose mistakes are told at their fields", async () => {
  await visit("#/schedules", "Schedules");
  await page.getByText("No schedule yet").waitFor();
  await page.getByRole("link", { name: "New schedule" }).first().click();
  await heading("New schedule");
  await button("Create").click();
  await page.getByText("Give it a name.").waitFor();
  await field("Name").fill("every-second");
  await field("When").fill("now and then");
  await field("Zone").fill("Europe/Vienna");
  await page.getByLabel("Module: bucket").fill("guests");
  await page.getByLabel("Module: key").fill("copy.wasm");
  await field("Arguments").fill("-v\ntwo words");
  await page.locator("#main summary", { hasText: "Limits" }).click();
  await field("Wall time").fill("20 s");
  await button("Create").click();
  await page.locator("[data-pointer='/cron'] .field-error:not(:empty)").waitFor();
  browser.complaints.splice(0);
  await field("When").fill("* * * * * *");
  await button("Create").click();
  await heading("every-second");
  for (const fact of ["Europe/Vienna", "guests/copy.wasm", "-v two words", "Wall time: 20 s"]) await page.locator("dd", { hasText: fact }).waitFor();
  await page.locator("dd").getByRole("link", { name: /^tsk_/ }).waitFor({ timeout: 60_000 });
});

journey("pauses a schedule, has it go on, and deletes it", async () => {
  await visit("#/schedules", "Schedules");
  await page.getByRole("link", { name: "every-second", exact: true }).click();
  await heading("every-second");
  await button("Pause").click();
  await badge("paused").waitFor();
  await page.locator(".facts > div", { hasText: "Next" }).getByText("none").waitFor();
  await button("Resume").click();
  await badge("active").waitFor();
  await button("Delete").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await heading("Schedules");
  await page.getByText("No schedule yet").waitFor();
});
