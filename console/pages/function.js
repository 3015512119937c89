// One function: which versions answer, how fast, what it may do, and what it says.

import { hashFor } from "../router.js";
import { h } from "../ui/dom.js";
import { confirmDialog } from "../ui/dialog.js";
import { bytes, compact, count, duration } from "../ui/format.js";
import { figure } from "../ui/figures.js";
import { latencyHistogram } from "../ui/histogram.js";
import { clip, digestOf, facts, moment, pageHead, panel, region } from "../ui/parts.js";
import { table } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";
import { accessBadge, routeText, withinText } from "./functions.js";

const POLL_MS = 3000;
const LINES = 200;

export const title = ({ name }) => name;

export async function render({ api, events, signal, params, navigate, can }) {
  const load = async () => {
    const [one, versions, log] = await Promise.all([
      api.function(params.name, signal), api.functionVersions(params.name, { limit: 20 }, signal), api.functionLog(params.name, { limit: LINES }, signal),
    ]);
    return draw(one, versions.items, log.lines);
  };
  const draw = (one, versions, lines) => [
    head(one),
    h("div", { class: "figures" },
      figure("Answered", count(one.figures.answered), `${count(one.figures.errors)} of them with 5xx`),
      figure("Failed", count(one.figures.failed), "no whole answer"),
      figure("Refused", count(one.figures.refused), "too many at once"),
      figure("Median", withinText(one.figures.latency, 0.5), `99 %: ${withinText(one.figures.latency, 0.99)}`)),
    panel("How long answers take", latencyHistogram(one.figures.latency), { hint: "Since the node started." }),
    h("div", { class: "columns" }, panel(`Version ${one.version.number}`, settings(one.version)), panel("Versions", versionsTable(one, versions))),
    panel("Log", logOf(lines), { hint: `The latest ${LINES} lines of what it wrote to standard output and error.` }),
  ];
  const route = async (version) => {
    try {
      await api.routeFunction(params.name, [{ version, percent: 100 }]);
      toast(`Version ${version} answers all requests.`);
      body.reload();
    } catch (error) {
      toastError(error);
    }
  };
  const remove = async (one) => {
    const sure = await confirmDialog({ title: "Remove this function?", text: "It answers nothing from then on, and all its versions are gone. This cannot be undone.", action: "Remove" });
    if (!sure) return;
    try {
      await api.removeFunction(one.name);
      toast(`Removed ${one.name}.`);
      navigate(hashFor(["functions"]));
    } catch (error) {
      toastError(error);
    }
  };
  const head = (one) => pageHead(one.name, {
    trail: [["Functions", hashFor(["functions"])]],
    lead: [accessBadge(one.version), " ", h("a", { href: one.path, rel: "noreferrer noopener", target: "_blank" }, one.path), ` · ${routeText(one.route)}`],
    actions: can("functions:write") && [h("button", { type: "button", class: "danger", on: { click: () => remove(one) } }, "Remove")],
  });
  const versionsTable = (one, versions) => table({
    caption: "Versions",
    columns: [
      { label: "Version", cell: (version) => String(version.number) },
      { label: "Deployed", cell: (version) => moment(version.created) },
      { label: "Requests", class: "number", cell: (version) => `${one.route.find((part) => part.version === version.number)?.percent ?? 0} %` },
      { label: "", cell: (version) => can("functions:write") && !answersAll(one, version)
        && h("button", { type: "button", on: { click: () => route(version.number) } }, "Send all here") },
    ],
    rows: versions,
  });
  // What is above is drawn by it, and reloads it later.
  const body = region(load, signal);
  events.on("reset", () => body.reload(), signal);
  const timer = setInterval(() => body.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await body.start;
  return h("div", {}, body.element);
}

const answersAll = (one, version) => one.route.length === 1 && one.route[0].version === version.number;

function settings(version) {
  const { limits } = version;
  return facts([
    ["Component", digestOf(version.module)],
    ["May ask", version.hosts.length > 0 ? clip(version.hosts.join(" "), true) : "nobody"],
    ["May do here", version.grants.length > 0 ? clip(version.grants.join(" "), true) : "nothing"],
    ["Environment", version.env.length > 0 ? clip(version.env.join(" "), true) : null],
    ["At once", count(version.concurrency)],
    ["A second", version.rate === null ? "no limit" : count(version.rate)],
    ["Time", duration(limits.wall_ms)],
    ["Memory", bytes(limits.memory_bytes)],
    ["Answer", bytes(limits.output_bytes)],
    ["Operations", compact(limits.fuel)],
    ["Deployed by", clip(version.actor, true)],
  ]);
}

function logOf(lines) {
  if (lines.length === 0) return h("p", { class: "hint" }, "Nothing was written since the node started.");
  return h("pre", { class: "stream", tabindex: 0 }, lines.map((line) => `${line.time} v${line.version} ${line.text}`).join("\n"));
}
