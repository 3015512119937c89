// How tasks fare: what is under way, and what became of those that ended in the last hours.

import { hashFor } from "../router.js";
import { fill, h } from "../ui/dom.js";
import { figure } from "../ui/figures.js";
import { select } from "../ui/form.js";
import { compact, count, duration, plural } from "../ui/format.js";
import { calmly, isLive, pageHead, panel, region } from "../ui/parts.js";
import { taskCounts } from "../ui/task_counts.js";
import { everyHour, hoursChart, spanText, totalsOf } from "../ui/task_hours.js";

const SPANS = [["6", "Last 6 hours"], ["24", "Last 24 hours"], ["48", "Last 2 days"], ["72", "Last 3 days"], ["168", "Last 7 days"]];
const USUAL = "24";
const POLL_MS = 30_000;
const REFRESH_MS = 1000;

export const title = () => "Statistics of tasks";

/** `?hours=` is the span to look back over. */
export async function render({ api, events, signal, query }) {
  let span = SPANS.some(([hours]) => hours === query.hours) ? query.hours : USUAL;
  const figures = h("div", { class: "figures" });
  const chart = hoursChart();
  const counts = h("div");
  // The parts stay and are filled anew, so that what the reader opened stays open.
  const parts = [figures, panel("By hour", chart.element, { hint: "When they ended, by your clock." }), panel("By state now", counts)];
  const body = region(async () => {
    const { states, hours } = await api.taskStatistics(Number(span), signal);
    const every = everyHour(hours, Number(span), Date.now());
    fill(figures, figuresOf(states, every));
    chart.show(every);
    fill(counts, taskCounts(states));
    return parts;
  }, signal);
  const spans = select(SPANS, { value: span, "aria-label": "How far to look back", "data-filter": true });
  spans.addEventListener("change", () => {
    span = spans.value;
    history.replaceState(null, "", hashFor(["tasks", "statistics"], { hours: span === USUAL ? "" : span }));
    body.reload();
  });
  events.on(["task", "reset"], calmly(body.reload, REFRESH_MS, signal), signal);
  const timer = setInterval(() => document.hidden || body.reload(), POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await body.start;
  return h("div", {}, pageHead("Statistics of tasks", { trail: [["Tasks", hashFor(["tasks"])]], lead: "What is under way, and what became of what ended.", actions: [spans] }), body.element);
}

function figuresOf(states, hours) {
  const totals = totalsOf(hours);
  const live = Object.entries(states).reduce((sum, [state, number]) => sum + (isLive(state) ? number : 0), 0);
  const span = (ms) => (ms === null ? "–" : duration(ms));
  return [
    figure("Under way", count(live), plural(states.queued ?? 0, "task waits", "tasks wait")),
    figure("Ended", count(totals.ended), `in the last ${spanText(hours.length)}`),
    figure("Succeeded", totals.good === null ? "–" : `${Math.floor(totals.good * 100)} %`, `${count(totals.succeeded)} of ${count(totals.ended)}`),
    figure("Mean wait", span(totals.wait), "until a worker took it"),
    figure("Mean run", span(totals.run), `${compact(totals.fuel)} fuel altogether`),
  ];
}
