// Second factors of a user, in a real browser with an authenticator of its own (WebAuthn.addVirtualAuthenticator).

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { startNode } from "./node.mjs";

const PASSWORD = "correct horse";

let node;
let browser;
let page;
let app;
let recoveryCodes;

before(async () => {
  node = await startNode();
  // Browsers have no passkeys for IP addresses.
  browser = await openBrowser({ url: node.url.replace("127.0.0.1", "localhost"), refusals: true });
  ({ page } = browser);
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
const label = (name) => page.getByLabel(name, { exact: true });

/** The code that an authenticator app shows, or will show. */
function codeOf(secret, stepsAhead = 0) {
  const bits = [...secret].map((digit) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(digit).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + stepsAhead));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 0xf) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function typePassword() {
  await label("User").fill("ada");
  await label("Password").fill(PASSWORD);
  await button("Sign in").click();
}

async function signOut() {
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE", headers: { "x-casemate-csrf": "1" } }));
  await browser.open("#/login");
  await page.reload();
  await heading("Sign in");
}

journey("a user signs in by password alone, at first", async () => {
  await browser.open(`#/login?token=${encodeURIComponent(node.token)}`);
  await heading("Overview");
  const made = await page.evaluate(async (password) => {
    const headers = { "x-casemate-csrf": "1", "content-type": "application/json" };
    return (await fetch("/api/v1/users", { method: "POST", headers, body: JSON.stringify({ name: "ada", password, role: "developer" }) })).status;
  }, PASSWORD);
  assert.equal(made, 201);
  await signOut();
  await typePassword();
  await heading("Overview");
});

journey("sets up an authenticator app and keeps recovery codes", async () => {
  await browser.open("#/account");
  await button("Set up an app").click();
  await label("Your password").fill(PASSWORD);
  await button("Go on").click();
  await page.getByRole("img", { name: "QR code of the secret" }).waitFor();
  app = await page.locator(".totp-secret").innerText();
  await label("The code that the app shows").fill("000000");
  await button("Turn it on").click();
  await page.getByText("The code is wrong, over, or was used before", { exact: false }).waitFor();
  await label("The code that the app shows").fill(codeOf(app));
  await button("Turn it on").click();
  await page.locator(".recovery-codes code").nth(9).waitFor();
  recoveryCodes = await page.locator(".recovery-codes code").allInnerTexts();
  assert.equal(recoveryCodes.length, 10);
  await button("I have kept them").click();
  await page.getByText("10 recovery codes are left", { exact: false }).waitFor();
});

journey("is asked for a code after the password", async () => {
  await signOut();
  await typePassword();
  await page.getByText("Now the code of your app.").waitFor();
  await label("Code").fill(codeOf(app, 1));
  await button("Sign in").click();
  await heading("Overview");
});

journey("adds a passkey, renames it, and signs in with nothing else", async () => {
  const devices = await page.context().newCDPSession(page);
  await devices.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await devices.send("WebAuthn.addVirtualAuthenticator", { options });
  await browser.open("#/account");
  await button("Add a passkey").click();
  await label("What to call it").fill("laptop");
  await label("Your password").fill(PASSWORD);
  await button("Add it").click();
  await page.getByText("Added the passkey.").waitFor();
  await button("Rename the passkey laptop").click();
  await label("What to call it").fill("work laptop");
  await button("Rename").click();
  await button("Remove the passkey work laptop").waitFor();

  await signOut();
  await button("Sign in with a passkey").click();
  await heading("Overview");
  const { credentials } = await devices.send("WebAuthn.getCredentials", { authenticatorId });
  assert.deepEqual(credentials.map((one) => [one.rpId, one.isResidentCredential]), [["localhost", true]]);

  // Whoever cannot show the authenticator that it is them does not come in.
  await signOut();
  await devices.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await button("Sign in with a passkey").click();
  await page.getByText("There was no passkey, or you did not allow it.").waitFor();
  await devices.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
  await button("Sign in with a passkey").click();
  await heading("Overview");
});

journey("removes passkey and app again", async () => {
  await browser.open("#/account");
  await button("Remove the passkey work laptop").click();
  await label("Your password").fill(PASSWORD);
  await button("Remove it").click();
  await page.getByText("Removed the passkey.").waitFor();
  await button("Remove the app").click();
  await label("Your password").fill(PASSWORD);
  await label("A code of the app, or a recovery code").fill(recoveryCodes[0]);
  await button("Remove it").click();
  await page.getByText("Removed the app.").waitFor();
  await button("Set up an app").waitFor();
});
