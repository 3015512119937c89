// The node under test: the real binary on a fresh directory, or one that already runs.

import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
const run = promisify(execFile);
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

/** Answers `{ url, token, letJoin, stop }`. `CASEMATE_URL` with `CASEMATE_LOGIN_TOKEN` names a running node. */
export async function startNode() {
  const { CASEMATE_URL: url, CASEMATE_LOGIN_TOKEN: token } = process.env;
  const directory = mkdtempSync(join(tmpdir(), "casemate-console-"));
  const clean = () => rmSync(directory, { recursive: true, force: true });
  if (url) return { url, token, letJoin: joiner(url, directory, process.env), stop: async () => clean() };
  const data = join(directory, "node");
  const env = { PATH: process.env.PATH, HOME: directory, TMPDIR: process.env.TMPDIR ?? tmpdir(), CASEMATE_MUTUAL_LISTEN: "127.0.0.1:0" };
  const child = spawn(binary(), ["serve", "--listen", "127.0.0.1:0", "--data-dir", data], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await exited;
    clearTimeout(late);
    clean();
  };
  try {
    const { url, token } = await loginLink(child, data, env);
    return { url, token, letJoin: joiner(url, directory, env), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What makes a machine join the node: this one, with directories of its own. */
function joiner(url, directory, env) {
  return (secret, name) => {
    const where = ["--name", name, "--directory", join(directory, name), "--join-only"];
    return run(binary(), ["node", "join", url, "--token", secret, ...where], { env, timeout: START_MS_MAX });
  };
}

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(REPOSITORY, "target");
  const path = process.env.CASEMATE_BIN ?? join(target, "debug", "casemate");
  if (!existsSync(path)) throw new Error(`there is no ${path}: build it with \`cargo build\` or set CASEMATE_BIN`);
  return path;
}

/** Waits until the node serves, then asks it for a sign-in link as its operator would. */
async function loginLink(child, directory, env) {
  const url = await address(child);
  const { stdout } = await run(binary(), ["login", "--data-dir", directory], { env, timeout: START_MS_MAX });
  const match = /#\/login\?token=([^\s"'<>]+)/.exec(stdout);
  if (!match) throw new Error(`\`casemate login\` printed no link: ${stdout}`);
  return { url, token: decodeURIComponent(match[1]) };
}

function address(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => reject(new Error(`the node did not serve in time; it said:\n${said}`)), START_MS_MAX);
    const listen = (chunk) => {
      said += chunk;
      const match = /The console is at (https?:\/\/[^\s/]+)\n[^]*Ctrl-C/.exec(said);
      if (!match) return;
      clearTimeout(late);
      resolve(match[1]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(late);
      reject(new Error(`the node ended with code ${code} before it served; it said:\n${said}`));
    });
  });
}
