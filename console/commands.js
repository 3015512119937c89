// The commands that empty pages suggest, in one place so that they stay true to the command line.

export const commands = {
  upload: "casemate cp hello.wasm cm://builds/hello.wasm",
  run: "casemate run cm://builds/hello.wasm",
  claim: "casemate name claim hello.tools cm://builds/hello.wasm",
  createKey: "casemate key create --label ci --role developer",
  verify: "casemate verify receipt.txt",
  verifyName: "casemate verify hello.tools.proof",
  tail: "casemate audit tail",
  login: "casemate login",
  setLimit: "casemate limit set objects 203.0.113.7 --per-second 1 --burst 2 --expires 2027-01-01T00:00:00Z",
  deployFunction: "casemate fn deploy hello hello.wasm --public",
  joinNode: "casemate node join URL --token-file join.token",
  addSchedule: "casemate schedule add nightly '0 3 * * *' hello.tools",
  addWebhook: "casemate webhook add URL --event object.stored",
  testWebhook: (id) => `casemate webhook test ${id}`,
  invite: "casemate user invite --role developer",
};
