// Makes a component of JavaScript: `build.mjs SOURCE COMPONENT`. The engine in it is StarlingMonkey, as its authors built it; the
// interfaces are those that its tools bring, at the version that the engine was built for.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const [source, target] = process.argv.slice(2);
const tools = fileURLToPath(new URL("node_modules/@bytecodealliance", import.meta.url));
const engine = readFileSync(join(tools, "componentize-js/lib/starlingmonkey_embedding.wasm"), "latin1");
const [, version] = /wasi:http\/incoming-handler@(0\.2\.\d+)/.exec(engine);

const builtin = join(tools, "jco/lib/wit/builtin");
const newest = readdirSync(builtin).filter((name) => name.startsWith("0.2.")).at(-1);
const wit = mkdtempSync(join(tmpdir(), "wit-"));
mkdirSync(join(wit, "deps"));
for (const name of readdirSync(join(builtin, newest))) {
  cpSync(join(builtin, newest, name), join(wit, "deps", name), { recursive: true });
  for (const file of readdirSync(join(wit, "deps", name))) {
    const path = join(wit, "deps", name, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(`@${newest}`, `@${version}`));
  }
}
writeFileSync(join(wit, "world.wit"), readFileSync(new URL("world.wit", import.meta.url), "utf8").replace("VERSION", version));
const { component } = await componentize(readFileSync(source, "utf8"), { witPath: wit, worldName: "function" });
writeFileSync(target, component);
