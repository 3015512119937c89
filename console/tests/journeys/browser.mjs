// A real Chromium that writes down everything it complains about.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/**
 * Opens a browser with an empty profile. `complaints` collects console errors, page errors and violations of the
 * content security policy; with `refusals` answers of the node such as 401 do not count, for journeys that provoke them.
 */
export async function openBrowser({ url, refusals = false }) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) throw new Error(`there is no ${executablePath}: \`apt-get install chromium\` or set CHROMIUM`);
  const profile = mkdtempSync(join(tmpdir(), "casemate-chromium-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS, viewport: { width: 1280, height: 860 }, acceptDownloads: true });
  const complaints = [];
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  const page = context.pages()[0];
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => complaints.push(`page error: ${error.stack}`));
  page.on("dialog", (dialog) => {
    complaints.push(`a script opened a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("console", (message) => {
    const answered = message.text().startsWith("Failed to load resource");
    // The contract's own "not yet": the log follows within a second, and the console asks again.
    const pending = answered && message.text().includes("503") && /\/(receipt|proof)$/.test(message.location().url);
    if (["error", "warning"].includes(message.type()) && !pending && !(refusals && answered)) complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { page, complaints, close, open: (hash) => page.goto(`${url}/${hash}`) };
}
