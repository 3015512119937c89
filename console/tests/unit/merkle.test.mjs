import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../../proof/bytes.js";
import { foldInclusion, leafHash } from "../../proof/merkle.js";
import { inclusionProof, rootOf } from "./log_fixture.mjs";

// The inputs and roots that the Certificate Transparency projects test against (RFC 6962 trees of one to eight leaves).
const INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(fromHex);
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test("every proof in the known trees leads to the published root", async () => {
  const leaves = await Promise.all(INPUTS.map(leafHash));
  for (let size = 1; size <= leaves.length; size += 1) {
    assert.equal(toHex(await rootOf(leaves.slice(0, size))), ROOTS[size - 1]);
    for (let index = 0; index < size; index += 1) {
      const hashes = await inclusionProof(index, leaves.slice(0, size));
      const { root, steps } = await foldInclusion({ index, size, leaf: leaves[index], hashes });
      assert.equal(toHex(root), ROOTS[size - 1], `leaf ${index} of ${size}`);
      assert.equal(steps.length, hashes.length);
    }
  }
});

test("a known path is folded from the right sides", async () => {
  const hashes = ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"].map(fromHex);
  const { root, steps } = await foldInclusion({ index: 0, size: 8, leaf: await leafHash(INPUTS[0]), hashes });
  assert.equal(toHex(root), ROOTS[7]);
  assert.deepEqual(steps.map((step) => step.side), ["right", "right", "right"]);
});

test("a changed hash, leaf, index or size never gives the root", async () => {
  const leaves = await Promise.all(INPUTS.map(leafHash));
  const hashes = await inclusionProof(5, leaves);
  const good = { index: 5, size: 8, leaf: leaves[5], hashes };
  const rootOr = async (change) => {
    try {
      return toHex((await foldInclusion({ ...good, ...change })).root);
    } catch (error) {
      return error.message;
    }
  };
  assert.equal(await rootOr({}), ROOTS[7]);
  const flipped = hashes.map((hash, at) => (at === 1 ? hash.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) : hash));
  for (const change of [{ hashes: flipped }, { leaf: leaves[4] }, { index: 4 }, { index: 13, size: 16 }]) {
    assert.notEqual(await rootOr(change), ROOTS[7], JSON.stringify(Object.keys(change)));
  }
});

test("a proof of the wrong length is refused", async () => {
  const leaf = await leafHash(INPUTS[0]);
  await assert.rejects(foldInclusion({ index: 0, size: 8, leaf, hashes: [leaf] }), /fewer hashes/);
  await assert.rejects(foldInclusion({ index: 0, size: 1, leaf, hashes: [leaf] }), /more hashes/);
  await assert.rejects(foldInclusion({ index: 8, size: 8, leaf, hashes: [] }), /is not in a tree of 8/);
  await assert.rejects(foldInclusion({ index: 0.5, size: 8, leaf, hashes: [] }), /is not in a tree/);
});
