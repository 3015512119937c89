// The rules of console/README.md that can be read off the sources.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const served = ["", "pages/", "proof/", "ui/"].flatMap((folder) =>
  readdirSync(new URL(folder || ".", ROOT)).filter((name) => /\.(js|html|css|svg)$/.test(name)).map((name) => folder + name));
const sources = new Map(served.map((path) => [path, readFileSync(new URL(path, ROOT), "utf8")]));
const scripts = [...sources].filter(([path]) => path.endsWith(".js"));

test("no way to hand in markup, to evaluate text or to style inline", () => {
  const banned = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|eval\(|new Function|setAttribute\("style"|\.style\b|\bstyle:|on[a-z]+="|javascript:)/;
  for (const [path, text] of sources) assert.doesNotMatch(text.replaceAll(/^\s*\/\/.*$/gm, ""), path.endsWith(".css") ? /@import|url\(/ : banned, path);
  assert.doesNotMatch(sources.get("index.html"), /<script>|<style| style=| on\w+=/);
});

test("nothing comes from another origin", () => {
  for (const [path, text] of sources) {
    const urls = [...text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, "").matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([url]) => url);
    assert.deepEqual(urls.filter((url) => !url.startsWith("http://www.w3.org/")), [], path);
  }
});

test("every import names a file that is there", () => {
  for (const [path, text] of scripts) {
    for (const [, target] of text.matchAll(/from "(\.[^"]+)"/g)) {
      const resolved = new URL(target, new URL(path, ROOT)).href.slice(ROOT.href.length);
      assert.ok(sources.has(resolved), `${path} imports ${target}`);
    }
  }
});

test("every import is used, and every export has a reader", () => {
  const tests = readdirSync(new URL("tests/unit/", ROOT)).map((name) => readFileSync(new URL(`tests/unit/${name}`, ROOT), "utf8")).join("\n");
  for (const [path, text] of scripts) {
    for (const [, names] of text.matchAll(/import \{([^}]+)\}/g)) {
      for (const name of names.split(",").map((one) => one.trim())) {
        assert.ok(text.match(new RegExp(`\\b${name}\\b`, "g")).length > 1, `${path} does not use ${name}`);
      }
    }
    for (const [, name] of text.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)) {
      const others = scripts.filter(([other]) => other !== path).map(([, other]) => other).join("\n");
      const read = path.startsWith("pages/") && ["title", "render"].includes(name);
      assert.ok(read || new RegExp(`\\b${name}\\b`).test(others) || new RegExp(`\\b${name}\\b`).test(tests), `${path} exports ${name} for nobody`);
    }
  }
});

test("files stay short", () => {
  for (const [path, text] of sources) assert.ok(text.split("\n").length <= 450, path);
});
