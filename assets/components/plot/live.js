/* A live run as the browser knows it: pure functions of what is known and of the next answer of /tltk/live/…. */

import { time } from "../shared/format.js";

const KEPT_POINTS = 3000; // a longer live line is thinned
const LONGEST_PAUSE = 5000; // ms
const ACTIVE = ["waiting", "running"];
const WORDS = { waiting: "Waiting for its turn", running: "Training", done: "Done", stopped: "Stopped", failed: "Failed" };

/* The lines with the new points of one more trace. */
export function grown(lines, trace) {
  const old = trace.reset ? undefined : lines.get(trace.id);
  const line = { ...trace, x: [...(old?.x ?? []), ...trace.x], y: [...(old?.y ?? []), ...trace.y] };
  if (line.x.length > KEPT_POINTS) {
    const keep = (_, i) => i % 2 === 0 || i === line.x.length - 1;
    [line.x, line.y] = [line.x.filter(keep), line.y.filter(keep)];
  }
  return new Map(lines).set(trace.id, line);
}

/* The accuracies that take no learning, with those of one more answer: [share, words], each once. */
export function idled(idle, news) {
  const isKnown = ([share, words]) => idle.some(([a, b]) => a === share && b === words);
  return [...idle, ...(news.idle ?? []).filter((one) => !isKnown(one))];
}

/* What an answer changes; a long history comes in several of them. */
export function taken(news) {
  return { cursor: news.cursor, failures: 0, restart: false, more: news.more, done: !ACTIVE.includes(news.state) && !news.more };
}

/* How long to wait before asking again, in ms, and what to remember for the next time. */
export function afterNews(every, quiet, news) {
  const found = news.traces.length ? 0 : Math.min(quiet + 1, 2);
  return { quiet: found, pause: every * (news.more ? 0.1 : 2 ** found) }; // nothing new: ask less often
}

export const afterFailure = (every, failures) => Math.min(every * 2 ** failures, LONGEST_PAUSE);

/* How long it still takes if it goes on as it went; nothing before the first is done and once it has ended. */
function left({ state, epoch, epochs, seconds }) {
  const rest = epoch && state === "running" ? (seconds / epoch) * (epochs - epoch) : 0;
  return rest >= 1 ? ` · about ${time(rest)} left` : "";
}

/* The line under the chart: [state, progress]. */
export function noteOf(news, unit = "epoch") {
  return [
    [WORDS[news.state] ?? news.state, news.message].filter(Boolean).join(" · "),
    news.epochs ? `${unit} ${news.epoch} of ${news.epochs} · ${news.seconds.toFixed(0)} s${left(news)}` : "",
  ];
}
