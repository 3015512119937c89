// What a person does with the console, in a real browser against a real node. The journeys build on each other in order.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { copyGuest, edgeGuest, endlessGuest } from "./guests.mjs";
import { startNode } from "./node.mjs";

const BOOK = "Call me Ishmael.\n\u001b[31mSome years ago\u001b[0m <b>never mind</b>\n";
const HOSTILE_KEY = `<img src=x onerror="alert(1)">.txt`;
const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const fileOf = (name, bytes, mimeType = "application/octet-stream") => ({ name, mimeType, buffer: Buffer.from(bytes) });

let node;
let browser;
let page;
let signedIn = false;

before(async () => {
  node = await startNode();
  browser = await openBrowser({ url: node.url });
  ({ page } = browser);
});
after(async () => {
  await browser?.close();
  await node?.stop();
});

/** A journey of the one signed-in browser, which must not complain about anything meanwhile. */
function journey(name, act, { first = false } = {}) {
  test(name, async (t) => {
    assert.ok(first || signedIn, "not tried: nobody could sign in");
    await act(t);
    assert.deepEqual(browser.complaints.splice(0), [], "the browser complained");
  });
}

const heading = (text) => page.getByRole("heading", { level: 1, name: text }).waitFor();
const button = (name) => page.getByRole("button", { name, exact: true });
const visit = async (hash, title) => {
  await page.evaluate((target) => { location.hash = target; }, hash);
  await heading(title);
};

const field = (label) => page.getByLabel(label, { exact: true });

/** Waits until the table has exactly so many rows. */
const rows = (count) => rowsOf("tbody tr", count);

async function rowsOf(selector, count) {
  await page.locator(selector).nth(count - 1).waitFor();
  assert.equal(await page.locator(selector).count(), count);
}

/** What other programs do meanwhile. */
function post(path, body) {
  return page.evaluate(async ([path, body]) => {
    const response = await fetch(`/api/v1${path}`, { method: "POST", headers: { "x-casemate-csrf": "1", "content-type": "application/json" }, body });
    return response.json();
  }, [path, body === undefined ? undefined : JSON.stringify(body)]);
}
const submit = (task, query = "") => post(`/tasks${query}`, task);
const cancel = (id) => post(`/tasks/${id}/cancel`);

async function upload(bucket, ...files) {
  await visit(`#/objects/${bucket}`, bucket);
  await page.getByLabel("Choose files to upload").setInputFiles(files);
  for (const file of files) {
    await page.locator(".uploads li.done", { hasText: file.name }).getByText(`stored, ${digestOf(file.buffer)}`).waitFor();
  }
}

/** Runs a stored module and waits until the page of the task shows `state`. */
async function run({ bucket, key, limits = {} }, state) {
  await visit(`#/tasks/new?bucket=${bucket}&key=${encodeURIComponent(key)}`, "Run a task");
  await page.locator("#main summary", { hasText: "Limits" }).click();
  for (const [label, value] of Object.entries(limits)) await page.getByLabel(label, { exact: true }).fill(value);
  await button("Run").click();
  await page.locator(".page-head .badge", { hasText: state }).waitFor({ timeout: 60_000 });
}

journey("signs in by the one-time link, and the token leaves the address", async () => {
  await browser.open(`#/login?token=${encodeURIComponent(node.token)}`);
  await heading("Overview");
  assert.equal(new URL(page.url()).hash, "#/overview");
  await page.locator(".stream-state", { hasText: "Live" }).waitFor();
  assert.deepEqual(await page.evaluate(() => document.cookie), "", "scripts cannot see the session");
  signedIn = true;
}, { first: true });

journey("stays signed in over a reload", async () => {
  await page.reload();
  await heading("Overview");
});

journey("sees health, walls and the log on the overview", async () => {
  for (const panel of ["Health", "Walls", "Tasks by state", "Node"]) await page.getByRole("heading", { level: 2, name: panel, exact: true }).waitFor();
  for (const check of ["state", "objects", "workers", "audit"]) await page.locator(".checks .check-name", { hasText: new RegExp(`^${check}$`) }).first().waitFor();
});

journey("uploads files, whose digests the node confirms", async () => {
  await visit("#/objects", "Objects");
  await button("New bucket").first().click();
  await page.getByLabel("Name", { exact: true }).fill("Bad Name");
  await button("Create").click();
  await page.getByText("Use 3 to 63 characters").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("journeys");
  await button("Create").click();
  await heading("journeys");
  await upload("journeys", fileOf("copy.wasm", copyGuest()), fileOf("endless.wasm", endlessGuest()), fileOf("book.txt", BOOK, "text/plain"));
  await page.getByRole("link", { name: "book.txt", exact: true }).waitFor();
});

journey("drops a file onto the page, and its odd name stays text", async () => {
  const transfer = await page.evaluateHandle(([name]) => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped"], name));
    return data;
  }, [HOSTILE_KEY]);
  await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
  await page.locator(".uploads li.done", { hasText: HOSTILE_KEY }).waitFor();
  await page.getByRole("link", { name: HOSTILE_KEY, exact: true }).click();
  await heading(HOSTILE_KEY);
  assert.equal(await page.locator("main img").count(), 0);
});

journey("downloads an object byte by byte", async () => {
  await visit("#/objects/journeys/book.txt", "book.txt");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download", exact: true }).click()]);
  assert.equal(readFileSync(await download.path(), "utf8"), BOOK);
});

journey("filters keys by prefix and deletes with a confirmation", async () => {
  await visit("#/objects/journeys", "journeys");
  await page.getByLabel("Show keys that begin with").fill("<img");
  await page.getByRole("link", { name: "book.txt", exact: true }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: HOSTILE_KEY, exact: true }).click();
  await heading(HOSTILE_KEY);
  await button("Delete").click();
  await button("Keep it").click();
  await button("Delete").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await heading("journeys");
  await page.getByText(`Deleted ${HOSTILE_KEY}.`).waitFor();
});

journey("makes a bucket that keeps versions, restores one and has it read again", async () => {
  await visit("#/objects", "Objects");
  await button("New bucket").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("kept");
  await dialog.getByLabel("Keep", { exact: true }).selectOption("on");
  await button("Create").click();
  await heading("kept");
  for (const text of ["first", "second"]) await upload("kept", fileOf("notes.txt", text, "text/plain"));
  await visit("#/objects/kept/notes.txt", "notes.txt");
  await page.getByRole("button", { name: /^Restore version/ }).click();
  await page.getByText("Restored notes.txt.").waitFor();
  await page.locator("dd", { hasText: digestOf("first") }).waitFor();
  await rows(3);
  await button("Verify now").click();
  await page.locator(".badge", { hasText: /^sound$/ }).waitFor();
  await button("Share").click();
  await button("Make a link").click();
  const link = await dialog.locator(".secret code").textContent();
  assert.equal(await (await fetch(link)).text(), "first");
  await button("Done").click();
  await page.getByRole("button", { name: "Delete", exact: true }).first().click();
  await dialog.getByText("Its versions stay").waitFor();
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await heading("kept");
  await visit("#/objects/kept?view=versions", "kept");
  await page.locator(".badge", { hasText: /^deleted$/ }).waitFor();
  await rows(4);
});

journey("goes into folders and sees how content is stored", async () => {
  await visit("#/objects/journeys", "journeys");
  await page.getByLabel("Put them under").fill("deep/er/");
  await page.getByLabel("Choose files to upload").setInputFiles([fileOf("x.txt", "x".repeat(9000), "text/plain")]);
  await page.locator(".uploads li.done", { hasText: "x.txt" }).waitFor();
  await page.getByRole("link", { name: "deep/", exact: true }).click();
  await page.getByRole("link", { name: "er/", exact: true }).click();
  await page.getByRole("link", { name: "x.txt", exact: true }).waitFor();
  assert.equal(await page.getByLabel("Put them under").inputValue(), "deep/er/");
  await page.getByRole("link", { name: "Differences", exact: true }).click();
  await page.getByRole("link", { name: /^deep\/er\/x\.txt, / }).click();
  await heading("deep/er/x.txt");
  await visit("#/objects/journeys?view=savings", "journeys");
  await page.getByText(/of content took|Nothing was measured yet/).first().waitFor();
});

journey("a large upload goes on after the connection was lost", async () => {
  await visit("#/objects/kept", "kept");
  const large = Buffer.alloc(34 * 1024 * 1024, "casemate ");
  let lost = 0;
  await page.route("**/parts/2?*", (route) => (lost++ === 0 ? route.abort() : route.continue()));
  const folder = mkdtempSync(join(tmpdir(), "casemate-large-"));
  writeFileSync(join(folder, "large.bin"), large);
  await page.getByLabel("Choose files to upload").setInputFiles(join(folder, "large.bin"));
  await page.locator(".uploads li.done", { hasText: "large.bin" }).getByText(`stored, ${digestOf(large)}`).waitFor({ timeout: 60_000 });
  await page.unroute("**/parts/2?*");
  rmSync(folder, { recursive: true });
  assert.equal(lost, 2);
  assert.deepEqual(browser.complaints.splice(0).filter((one) => !one.includes("ERR_FAILED")), []);
});

journey("claims a name, moves it and reads its history", async () => {
  await visit("#/names", "Names");
  await button("Claim a name").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("copy.journeys");
  await dialog.getByLabel("Points at: bucket").fill("journeys");
  await dialog.getByLabel("Points at: key").fill("book.txt");
  await dialog.getByRole("button", { name: "Claim", exact: true }).click();
  await heading("copy.journeys");
  await button("Point elsewhere").click();
  await dialog.getByLabel("Points at: kind of source").selectOption("digest");
  await dialog.getByLabel("Points at: digest").fill(digestOf(copyGuest()));
  await dialog.getByRole("button", { name: "Move the name", exact: true }).click();
  await page.locator(".facts .clip", { hasText: digestOf(copyGuest()) }).waitFor();
  await page.locator("tbody tr").nth(1).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 2);
  await button("DNS and tags").click();
  await dialog.getByLabel("DNS records").fill("A 192.0.2.1\nMX 10 host.example");
  await dialog.getByLabel("Tags").fill("prod");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await dialog.getByText("is no DNS record").waitFor();
  assert.deepEqual(browser.complaints.splice(0).filter((one) => !one.includes("status of 400")), []);
  await dialog.getByLabel("DNS records").fill("A 192.0.2.1");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator(".facts", { hasText: "A 192.0.2.1" }).waitFor();
});

journey("commits to a claim before the name is seen", async () => {
  await visit("#/names", "Names");
  await button("Claim a name").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("early.journeys");
  await dialog.getByLabel("Points at: bucket").fill("journeys");
  await dialog.getByLabel("Points at: key").fill("book.txt");
  await dialog.getByLabel("Commit first").check();
  const claims = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/api/v1/names"));
  await dialog.getByRole("button", { name: "Claim", exact: true }).click();
  await dialog.getByText("Committed. The name is claimed in").waitFor();
  assert.match((await claims).postDataJSON().nonce, /^[0-9a-f]{64}$/);
  await heading("early.journeys");
  await visit("#/names/copy.journeys", "copy.journeys");
});

journey("proves a name here, and refuses a proof that was changed on the way", async () => {
  await button("Prove it here").click();
  await page.locator(".verdict", { hasText: "The registry's log holds version 3 of this name" }).waitFor();
  assert.equal(await page.locator(".step.bad").count(), 0);
  await page.route("**/proof?*", async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    const at = text.indexOf("record ") + 120;
    await route.fulfill({ response, body: text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1) });
  });
  await button("Prove it here").click();
  await page.locator(".verdict", { hasText: "Refused." }).waitFor();
  await page.unroute("**/proof?*");
});

journey("stops a name, and lists names by their ends, tags and offers", async () => {
  const dialog = page.getByRole("dialog");
  await button("Suspend").click();
  await dialog.getByLabel("Reason").fill("a complaint");
  await dialog.getByRole("button", { name: "Suspend", exact: true }).click();
  await page.locator(".facts .badge", { hasText: "suspended" }).waitFor();
  await button("Resume").click();
  await dialog.getByRole("button", { name: "Resume", exact: true }).click();
  await page.locator(".facts .badge", { hasText: "active" }).waitFor();
  await page.getByRole("link", { name: "prod", exact: true }).click();
  await page.getByText("With the tag").waitFor();
  await page.locator("tbody tr", { hasText: "copy.journeys" }).waitFor();
  await page.getByRole("link", { name: "Ending first" }).click();
  await page.locator("tbody tr", { hasText: "copy.journeys" }).waitFor();
  await page.getByRole("link", { name: "Offered to you" }).click();
  await page.getByText("Nothing is offered to you").waitFor();
  await visit("#/names/copy.journeys", "copy.journeys");
});

journey("runs the named module on an input, and its output cannot steer the page", async () => {
  await visit("#/tasks/new?name=copy.journeys", "Run a task");
  await page.getByLabel("Standard input: kind of source").selectOption("object");
  await page.getByLabel("Standard input: bucket").fill("journeys");
  await page.getByLabel("Standard input: key").fill("book.txt");
  await button("Run").click();
  await page.locator(".page-head .badge", { hasText: "succeeded" }).waitFor({ timeout: 60_000 });
  await page.getByText("exited with code 0").first().waitFor();
  await page.locator("pre", { hasText: "Ishmael" }).waitFor();
  assert.equal(await page.locator("pre").count(), 1, "a live log of a task that is over");
  assert.equal(await page.locator("pre").textContent(), BOOK.replaceAll("\u001b", "‹1B›"));
  assert.equal(await page.locator("pre b").count(), 0);
  assert.equal(await page.getByRole("meter", { name: /^Fuel: .+ of / }).count(), 1);
});

journey("sees the receipt with its level, checks it here and downloads it", async () => {
  await page.locator(".receipt-level .badge", { hasText: /^L1 signed$/ }).waitFor();
  await button("Check it here").click();
  await page.locator(".verdict", { hasText: "This receipt holds at level L1 signed." }).waitFor();
  assert.equal(await page.locator(".step.bad").count(), 0);
  assert.doesNotMatch(await page.locator("main").innerText(), /\bverified\b/i, "never the bare word");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the bundle" }).click()]);
  assert.match(download.suggestedFilename(), /^tsk_\w+\.receipt\.txt$/);
  assert.ok(readFileSync(await download.path()).length > 500);
});

journey("a receipt that was changed on the way is refused", async () => {
  await page.route("**/receipt", async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    const at = text.search(/[A-Za-z0-9+/]{60}/) + 30;
    await route.fulfill({ response, body: text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1) });
  });
  await button("Check it here").click();
  await page.locator(".verdict", { hasText: "Refused." }).waitFor();
  await page.locator(".step.bad").waitFor();
  await page.unroute("**/receipt");
});

journey("an endless program is stopped at its limit before the reader's eyes", async () => {
  await run({ bucket: "journeys", key: "endless.wasm", limits: { "Wall time": "700 ms" } }, "timed out");
  await page.getByText("stopped at its wall limit").first().waitFor();
  await page.locator(".limits li.high", { hasText: "Wall time" }).waitFor();
});

journey("cancels a running task", async () => {
  await run({ bucket: "journeys", key: "endless.wasm", limits: { "Wall time": "60 s", Fuel: "90e12" } }, "running");
  await button("Cancel").click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the task", exact: true }).click();
  await page.locator(".page-head .badge", { hasText: "cancelled" }).waitFor();
});

journey("plans a task by the form, and runs it again with the same", async () => {
  const first = await submit({ module: { name: "copy.journeys" }, stdin: { bucket: "journeys", key: "book.txt" } }, "?wait=30");
  await visit("#/tasks/new?name=copy.journeys", "Run a task");
  await page.getByLabel("Standard input: kind of source").selectOption("task");
  await page.getByLabel("Standard input: task", { exact: true }).fill(first.id);
  await page.locator("#main summary", { hasText: "More" }).click();
  await field("Attempts at most").fill("99");
  await button("Run").click();
  await page.getByText("Write a number from 1 to 20.").waitFor();
  const given = { "After these tasks": first.id, "Not before": "2199-01-01T03:00:00", Key: "journeys-plan", "Attempts at most": "5", "Time for everything": "2 h", Labels: "zone=nowhere" };
  for (const [label, value] of Object.entries(given)) await field(label).fill(value);
  await field("Priority").selectOption("9");
  await page.getByLabel("a trap").check();
  await button("Run").click();
  await page.locator("[data-pointer='/plan/not_before'] .field-error", { hasText: "within a year" }).waitFor();
  browser.complaints.splice(0);
  given["Not before"] = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T03:30:15`;
  await field("Not before").fill(given["Not before"]);
  await button("Run").click();
  await page.locator(".lead", { hasText: "waits until" }).waitFor();
  for (const fact of ["9 of 9", "journeys-plan", "0 of 5 at most", "zone=nowhere"]) await page.locator("dd", { hasText: fact }).waitFor();
  const planned = await page.evaluate(() => location.hash.split("/").at(-1));
  await button("Run again").click();
  await heading("Run a task");
  assert.equal(await page.getByLabel("Standard input: task", { exact: true }).inputValue(), first.id);
  await page.locator("#main summary", { hasText: "More" }).click();
  for (const [label, value] of Object.entries({ ...given, "After these tasks": "" })) assert.equal(await field(label).inputValue(), value, label);
  assert.deepEqual([await field("Priority").inputValue(), await page.getByLabel("a trap").isChecked(), await page.getByLabel("another exit code than 0").isChecked()], ["9", true, false]);
  await field("Run it on several nodes").selectOption("2/3");
  await page.locator("#main summary", { hasText: "Environment and profile" }).click();
  assert.equal(await field("Profile").inputValue(), "det-1");
  await field("Profile").selectOption("default");
  await button("Run").click();
  await page.getByText("Choose the profile det-1 too", { exact: false }).waitFor();
  await cancel(planned);
});

journey("sees what a task needs, and how that fares, and goes there", async () => {
  const book = await submit({ module: { name: "copy.journeys" }, stdin: { bucket: "journeys", key: "book.txt" } }, "?wait=30");
  const held = await submit({ module: { name: "copy.journeys" }, plan: { not_before: new Date(Date.now() + 86_400_000).toISOString() } });
  const middle = await submit({ module: { bucket: "journeys", key: "copy.wasm" }, stdin: { task: book.id }, after: [held.id] });
  const last = await submit({ module: { bucket: "journeys", key: "copy.wasm" }, inputs: [{ path: "a", source: { task: middle.id, file: "table.csv" } }] });
  await visit(`#/tasks/${last.id}`, last.id);
  const graph = page.locator(".task-graph svg");
  const box = (task, state) => graph.getByRole("link", { name: new RegExp(`${task.id}, ${state}$`) });
  for (const [task, state] of [[book, "succeeded"], [held, "queued"], [middle, "queued"], [last, "queued"]]) await box(task, state).waitFor();
  for (const label of ["stdout", "table.csv"]) await graph.locator(".edge-label", { hasText: label }).first().waitFor();
  await page.getByText("As a list").click();
  await rowsOf(".task-list li", 4);
  PAGES.push([`tasks/${last.id}`, last.id]);
  await box(held, "queued").focus();
  await cancel(held.id);
  for (const task of [held, middle, last]) await box(task, "cancelled").waitFor();
  await page.locator(".page-head .badge", { hasText: "cancelled" }).waitFor();
  assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /, cancelled$/, "the focus stays");
  await page.keyboard.press("Enter");
  await heading(held.id);
  await visit(`#/tasks/${book.id}`, book.id);
  assert.equal(await page.locator(".task-graph").count(), 0, "a task that stands alone has no graph");
});

journey("lists the tasks and filters them by state", async () => {
  await visit("#/tasks", "Tasks");
  await page.locator("tbody tr", { hasText: "succeeded" }).first().waitFor();
  await page.getByLabel("Show tasks in state").selectOption("cancelled");
  await page.locator("tbody tr", { hasText: "succeeded" }).first().waitFor({ state: "detached" });
  await page.locator("tbody tr", { hasText: "cancelled" }).first().waitFor();
});

journey("a change by somebody else appears without a reload", async () => {
  await visit("#/objects/journeys", "journeys");
  await page.getByRole("link", { name: "book.txt", exact: true }).waitFor();
  await page.evaluate(() => fetch("/api/v1/objects/journeys/from-elsewhere.txt", { method: "PUT", body: "x", headers: { "x-casemate-csrf": "1" } }));
  await page.getByRole("link", { name: "from-elsewhere.txt", exact: true }).waitFor();
});

journey("says that it reconnects while the stream is refused, and is live again after", async () => {
  await page.route("**/api/v1/events", (route) => route.abort());
  await page.reload();
  await page.locator(".stream-state", { hasText: "Reconnecting" }).waitFor();
  await page.unroute("**/api/v1/events");
  await page.locator(".stream-state", { hasText: "Live" }).waitFor({ timeout: 40_000 });
  assert.deepEqual(browser.complaints.splice(0).filter((one) => !one.includes("net::ERR_FAILED")), []);
});

journey("finds an audit entry and checks its proof hash by hash", async () => {
  await visit("#/audit", "Audit");
  await page.getByLabel("Show entries that hold").fill("journeys/book.txt put");
  await page.locator("tbody tr", { hasText: "objects.put" }).first().getByRole("link").click();
  await page.getByText("What is recorded").waitFor();
  await button("Check the proof here").click();
  await page.locator(".verdict", { hasText: "that this key signed" }).waitFor();
  assert.equal(await page.locator(".step.ok").count(), 5);
  await page.locator(".step", { hasText: "Climb the tree" }).locator("summary").click();
  assert.match(await page.locator(".step", { hasText: "Climb the tree" }).locator(".hashes dd").first().innerText(), /^[0-9a-f]{64}$/);
});

journey("searches the whole log at the node, for refusals too", async () => {
  await visit("#/overview", "Overview");
  await visit("#/audit", "Audit");
  await page.getByLabel("Show entries that hold").fill("objects.put no-such-thing");
  await page.getByText("No entry holds all that").waitFor();
  await page.getByLabel("Show entries that hold").fill("OBJECTS.PUT");
  await page.locator("tbody tr", { hasText: "objects.put" }).first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), await page.locator("tbody tr", { hasText: "objects.put" }).count());
  await page.getByLabel("Show entries that hold").fill("");
  await page.locator("tbody tr", { hasNotText: "objects.put" }).first().waitFor();
  await page.locator("tbody tr", { hasText: "objects.put" }).first().getByRole("link").click();
  await page.getByText("What is recorded").waitFor();
});

journey("sets an exception from a limit and removes it", async () => {
  const entry = await page.evaluate(() => location.hash);
  await visit("#/limits", "Limits");
  await rows(8);
  await button("Set an exception").first().click();
  await page.getByLabel("For", { exact: true }).fill("203.0.113.7");
  await page.getByLabel("Requests at once").fill("1");
  await button("Set").click();
  await page.getByText("a burst in the tier objects is 2 to 1000000").waitFor();
  browser.complaints.splice(0);
  await page.getByLabel("Requests at once").fill("7");
  await button("Set").click();
  await page.locator("tbody tr", { hasText: "203.0.113.7" }).waitFor();
  await page.getByRole("button", { name: "Remove the exception of 203.0.113.7 in objects" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No exceptions").waitFor();
  await page.evaluate((target) => { location.hash = target; }, entry);
  await page.getByText("What is recorded").waitFor();
});

journey("a proof that was changed on the way is refused", async () => {
  await page.route("**/proof", async (route) => {
    const response = await route.fetch();
    const proof = await response.json();
    proof.hashes[0] = proof.hashes[0].replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    await route.fulfill({ response, json: proof });
  });
  await button("Check the proof here").click();
  await page.locator(".step.bad", { hasText: "the computed root is not the checkpoint's" }).waitFor();
  await page.unroute("**/proof");
});

journey("creates a key that is shown once, signs in with it elsewhere, and revokes it", async () => {
  await visit("#/keys", "Keys");
  await button("Create a key").first().click();
  await page.getByLabel("Label", { exact: true }).fill("journey");
  await page.getByLabel("Role", { exact: true }).selectOption("viewer");
  await button("Create").click();
  const secret = await page.locator(".secret code").innerText();
  await button("I have kept it").click();
  // The closed dialog is hidden at once and gone a moment later; it is the second that keeps the secret from others.
  await page.locator(".secret").waitFor({ state: "detached" });
  await page.locator("tbody tr", { hasText: "journey" }).waitFor();
  assert.ok(!(await page.content()).includes(secret));
  assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).includes(secret));
  await signInElsewhere(secret);
  await button("Rotate journey").click();
  await page.getByRole("dialog").getByRole("button", { name: "Make it", exact: true }).click();
  const next = await page.locator(".secret code").innerText();
  assert.notEqual(next, secret);
  await button("I have kept it").click();
  await signInElsewhere(next);
  await button("Revoke journey").click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await page.locator("tbody tr", { hasText: "revoked" }).waitFor();
  await refusedElsewhere(secret);
  await refusedElsewhere(next);
});

journey("shows what a function has answered, sends all to another version and removes it", async () => {
  await visit("#/functions", "Functions");
  await page.getByText("No functions yet").waitFor();
  const answered = await page.evaluate(async (bytes) => {
    const headers = { "x-casemate-csrf": "1" };
    await fetch("/api/v1/objects/journeys/edge.wasm", { method: "PUT", headers, body: new Uint8Array(bytes) });
    const deploy = (percent) => fetch("/api/v1/functions/edge/versions", {
      method: "POST", headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ module: { bucket: "journeys", key: "edge.wasm" }, public: true, percent }),
    });
    const statuses = [(await deploy(100)).status, (await deploy(10)).status];
    for (const path of ["hello", "log", "hello"]) statuses.push((await fetch(`/fn/edge/${path}`)).status);
    return statuses;
  }, [...edgeGuest()]);
  assert.deepEqual(answered, [201, 201, 200, 200, 200]);
  await page.getByRole("link", { name: "edge", exact: true }).click();
  await heading("edge");
  await page.getByText("version 1: 90 %, version 2: 10 %").waitFor();
  await page.getByRole("img", { name: "3 requests by the time that they took." }).waitFor();
  await page.locator("pre.stream", { hasText: "to standard error" }).waitFor();
  await button("Send all here").first().click();
  await page.locator("h1 + *, .lead", { hasText: "version 2" }).first().waitFor();
  await button("Remove").click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No functions yet").waitFor();
});

journey("lets a machine join, drains it and removes it", async () => {
  await visit("#/nodes", "Nodes");
  await page.getByText("No machine has joined").waitFor();
  await button("Let a machine join").first().click();
  await page.getByLabel("Labels", { exact: true }).fill("zone=a");
  await button("Make a token").click();
  const token = await page.locator(".secret code").innerText();
  await button("I have kept it").click();
  await page.locator(".secret").waitFor({ state: "detached" });
  await node.letJoin(token.trim(), "box");
  const tile = page.getByRole("region", { name: "zone=a" }).getByRole("link", { name: /^box ready 100 health of 100/ });
  await page.getByRole("link", { name: "box", exact: true }).waitFor();
  assert.equal(await page.getByLabel("Put together by").count(), 0, "there is no other label to choose");
  await tile.click();
  await heading("box");
  await page.getByText("100", { exact: true }).first().waitFor();
  await page.getByText("zone=a").waitFor();
  await button("Drain").click();
  await button("Resume").waitFor();
  await button("Remove").click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No machine has joined").waitFor();
});

journey("creates a webhook whose secret is shown once, sends a test, pauses and removes it", async () => {
  await visit("#/webhooks", "Webhooks");
  await button("Create a webhook").first().click();
  await page.getByLabel("Sends to", { exact: true }).fill("http://127.0.0.1:8080/");
  await button("Create").click();
  await page.getByText("webhooks may not be sent to").waitFor();
  browser.complaints.splice(0);
  await page.getByLabel("Sends to", { exact: true }).fill("https://webhooks.invalid/journey");
  await page.getByLabel("Events", { exact: true }).fill("object.* task.ended");
  await page.getByLabel("For", { exact: true }).fill("<img src=x>");
  await button("Create").click();
  const secret = await page.locator(".secret code").innerText();
  assert.match(secret, /^whsec_/);
  await button("I have kept it").click();
  await page.locator(".secret").waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret));
  await page.getByRole("link", { name: "https://webhooks.invalid/journey" }).click();
  await page.getByRole("heading", { level: 1, name: "Webhook" }).waitFor();
  await button("Send a test").click();
  await page.locator("tbody tr", { hasText: "webhook.test" }).first().waitFor();
  await button("Pause").click();
  await page.locator(".badge", { hasText: "paused" }).waitFor();
  await button("Resume").click();
  await button("Pause").waitFor();
  await button("Remove").click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("heading", { level: 3, name: "No webhook" }).waitFor();
});

/** Another browser: sent to sign in first, then where it wanted to go; a viewer is offered nothing that it may not do. */
async function signInElsewhere(secret) {
  const other = await openBrowser({ url: node.url });
  try {
    await other.open("#/objects/journeys");
    await other.page.getByText("Other ways in").click();
    await other.page.getByLabel("API key").fill(secret);
    await other.page.keyboard.press("Enter");
    await other.page.getByRole("heading", { level: 1, name: "journeys" }).waitFor();
    await other.page.getByRole("link", { name: "book.txt", exact: true }).waitFor();
    assert.equal(await other.page.getByText("Upload files").count(), 0);
    assert.deepEqual(await other.page.locator("nav[aria-label=Pages] a:visible").allInnerTexts(), ["Overview", "Tasks", "Schedules", "Functions", "Nodes", "Objects", "Names", "Limits"]);
    await other.page.getByRole("button", { name: "Sign out" }).click();
    await other.page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
}

/** A revoked key and a used link are both refused with words, and nothing else breaks. */
async function refusedElsewhere(secret) {
  const other = await openBrowser({ url: node.url, refusals: true });
  try {
    await other.open("#/login");
    await other.page.getByText("Other ways in").click();
    await other.page.getByLabel("API key").fill(secret);
    await other.page.getByRole("button", { name: "Sign in with the key" }).click();
    await other.page.locator(".form-problem p").first().waitFor();
    await other.open("?again#/login?token=used");
    await other.page.getByText("This link no longer works").waitFor();
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
}

journey("invites a user, who joins elsewhere, changes the password and is blocked", async () => {
  await visit("#/users", "Users");
  await button("Invite").first().click();
  await page.getByLabel("Role", { exact: true }).selectOption("viewer");
  await button("Make a link").click();
  const link = await page.locator(".secret code").innerText();
  await button("Done").click();
  await button("New role").click();
  await page.getByLabel("Role", { exact: true }).fill("reader");
  await page.getByLabel("Scopes").fill("objects:read:releases/*");
  await button("Set").click();
  await button("Remove the role reader").click();
  await page.getByText("Removed the role reader.").waitFor();
  assert.equal(await button("Remove the role reader").count(), 0);
  const other = await openBrowser({ url: node.url, refusals: true });
  try {
    await joins(other, new URL(link).hash);
    await page.reload();
    await visit("#/users", "Users");
    await page.locator("tbody tr", { hasText: "ada" }).getByRole("button", { name: "Block ada" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Block the user", exact: true }).click();
    await page.locator("tbody tr", { hasText: "ada" }).getByText("blocked", { exact: true }).waitFor();
    await other.open("#/names");
    await other.page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    await signsIn(other, "battery staple");
    await other.page.getByText("The user name or the password is wrong", { exact: false }).waitFor();
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.close();
  }
});

/** Joins by an invitation, sees what a viewer may see, and changes the password. */
async function joins(other, hash) {
  await other.open(hash);
  await other.page.getByLabel("User", { exact: true }).fill("Ada");
  await other.page.getByLabel("Password", { exact: true }).fill("correct horse");
  await other.page.getByLabel("Password, once more").fill("correct horsf");
  await other.page.getByRole("button", { name: "Join" }).click();
  await other.page.getByText("The two passwords are not the same.").waitFor();
  await other.page.getByLabel("Password, once more").fill("correct horse");
  await other.page.getByRole("button", { name: "Join" }).click();
  await other.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  assert.equal(await other.page.evaluate(() => location.href.includes("token")), false);
  assert.deepEqual(await other.page.locator("nav[aria-label=Pages] a:visible").allInnerTexts(), ["Overview", "Tasks", "Schedules", "Functions", "Nodes", "Objects", "Names", "Limits"]);
  await other.page.getByRole("link", { name: "ada", exact: true }).click();
  await other.page.getByText("this one").waitFor();
  await other.page.getByLabel("Former password").fill("correct horse");
  await other.page.getByLabel("New password", { exact: true }).fill("battery staple");
  await other.page.getByLabel("New password, once more").fill("battery staple");
  await other.page.getByRole("button", { name: "Change it" }).click();
  await other.page.getByText("Changed your password.").waitFor();
}

async function signsIn(other, password) {
  await other.page.getByLabel("User", { exact: true }).fill("ada");
  await other.page.getByLabel("Password", { exact: true }).fill(password);
  await other.page.getByRole("button", { name: "Sign in", exact: true }).click();
}

journey("does it all with the keyboard", async () => {
  await visit("#/overview", "Overview");
  await page.keyboard.press("Shift+Slash");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await heading("Tasks");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "the focus follows the page");
  await page.keyboard.press("r");
  await heading("Run a task");
  const focus = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  const tabTo = async (name) => {
    for (let press = 0; press < 40 && (await focus()) !== name; press += 1) await page.keyboard.press("Tab");
    assert.equal(await focus(), name);
    assert.ok(await page.evaluate(() => document.activeElement.matches(":focus-visible")));
  };
  await tabTo("Module: bucket");
  await page.keyboard.type("journeys");
  await tabTo("Module: key");
  await page.keyboard.type("copy.wasm");
  await tabTo("Run");
  await page.keyboard.press("Enter");
  await page.locator(".page-head .badge", { hasText: "succeeded" }).waitFor({ timeout: 60_000 });
  await tabTo("Check it here");
  await page.keyboard.press("Enter");
  await page.locator(".verdict", { hasText: "This receipt holds" }).waitFor();
});

journey("reaches the content by the skip link, and dialogs keep and give back the focus", async () => {
  await page.reload();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.locator("#skip").focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await visit("#/names", "Names");
  await button("Claim a name").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let press = 0; press < 12; press += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null));
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Claim a name/);
});

const PAGES = [["overview", "Overview"], ["tasks", "Tasks"], ["tasks/new", "Run a task"], ["tasks/statistics", "Statistics of tasks"], ["schedules", "Schedules"], ["schedules/new", "New schedule"], ["objects", "Objects"], ["objects/journeys", "journeys"], ["objects/kept?view=versions", "kept"], ["objects/journeys?view=graph", "journeys"], ["objects/journeys?view=savings", "journeys"], ["objects/kept/notes.txt", "notes.txt"], ["objects/journeys/book.txt", "book.txt"], ["names", "Names"], ["names/copy.journeys", "copy.journeys"], ["audit", "Audit"], ["audit/0", "Entry 0"], ["keys", "Keys"], ["users", "Users"], ["limits", "Limits"], ["nodes", "Nodes"], ["webhooks", "Webhooks"]];

journey("every page has one heading and a name for every control", async () => {
  for (const [path, title] of PAGES) {
    await visit(`#/${path}`, title);
    await settled();
    const nameless = await page.evaluate(() => [...document.querySelectorAll("a, button, input, select, textarea")].filter((control) => {
      const label = control.getAttribute("aria-label") ?? control.labels?.[0]?.textContent ?? control.textContent;
      return label.trim() === "" && control.getClientRects().length > 0;
    }).map((control) => control.outerHTML));
    assert.deepEqual(nameless, [], path);
    assert.equal(await page.locator("h1").count(), 1, path);
    assert.match(await page.title(), / · Casemate$/);
  }
});

/** Waits until no part of the page loads any more; there may be several. */
async function settled() {
  const busy = page.locator("[aria-busy=true]");
  while (await busy.count() > 0) await busy.first().waitFor({ state: "detached" });
}

journey("fits 400 pixels, in light and in dark", async () => {
  const shots = process.env.CASEMATE_SHOTS;
  if (shots) mkdirSync(shots, { recursive: true });
  const grounds = new Set();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 400]) {
      await page.setViewportSize({ width, height: 860 });
      for (const [path, title] of PAGES) {
        await visit(`#/${path}`, title);
        await settled();
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} at ${width}`);
        if (shots) await page.screenshot({ path: join(shots, `${path.replaceAll("/", "-")}-${colorScheme}-${width}.png`) });
      }
    }
    grounds.add(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor));
  }
  assert.equal(grounds.size, 2);
  await page.setViewportSize({ width: 1280, height: 860 });
});

journey("keeps a chosen theme over a reload, against the system's", async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  await page.getByRole("button", { name: /System theme/ }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(await ground(), light);
});

journey("releases the name and signs out", async () => {
  await visit("#/names/copy.journeys", "copy.journeys");
  await button("Release").click();
  await page.getByRole("dialog").getByRole("button", { name: "Release", exact: true }).click();
  await heading("Names");
  await page.getByRole("button", { name: "Sign out" }).click();
  await heading("Sign in");
  await browser.open("#/audit");
  await heading("Sign in");
});
