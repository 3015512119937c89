// The node under test: the real binary on a fresh directory, or one that already runs.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

/** Answers `{ url, token, stop, owned }`. `CASEMATE_URL` with `CASEMATE_LOGIN_TOKEN` names a running node. */
export async function startNode() {
  const { CASEMATE_URL: url, CASEMATE_LOGIN_TOKEN: token } = process.env;
  if (url) return { url: url.replace(/\/$/, ""), token, owned: false, stop: async () => {} };
  const directory = mkdtempSync(join(tmpdir(), "casemate-console-"));
  const child = spawn(binary(), ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(directory, "node")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: directory, TMPDIR: process.env.TMPDIR ?? tmpdir() },
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await exited;
    clearTimeout(late);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    return { ...(await loginLink(child)), owned: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(REPOSITORY, "target");
  const path = process.env.CASEMATE_BIN ?? join(target, "debug", "casemate");
  if (!existsSync(path)) throw new Error(`there is no ${path}: build it with \`cargo build\` or set CASEMATE_BIN`);
  return path;
}

/** Waits until the node prints its sign-in link. */
function loginLink(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => reject(new Error(`the node printed no sign-in link in time; it said:\n${said}`)), START_MS_MAX);
    const listen = (chunk) => {
      said += chunk;
      const match = /(https?:\/\/[^\s/]+)\/#\/login\?token=([^\s"'<>]+)/.exec(said);
      if (!match) return;
      clearTimeout(late);
      resolve({ url: match[1], token: decodeURIComponent(match[2]) });
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(late);
      reject(new Error(`the node ended with code ${code} before it printed a sign-in link; it said:\n${said}`));
    });
  });
}
