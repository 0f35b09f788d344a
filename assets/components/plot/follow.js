/* Asks for what is new in a run, as long as there will be more and somebody looks. */

import { afterFailure, afterNews, grown, idled, noteOf, taken } from "./live.js";

/* Follows the run that is wished for; `view` has `draw`, `note` and `finish`. */
export function follow(view, wish) {
  if (wish?.url === view.live?.url) return;
  leave(view);
  Object.assign(view, { lines: new Map(), idle: [] });
  view.note("");
  view.live = wish && { url: wish.url, unit: wish.unit, every: wish.every_ms ?? 500, cursor: "", failures: 0, quiet: 0, timer: 0 };
  wake(view, 0);
}

export function leave(view) {
  if (view.live) clearTimeout(view.live.timer);
}

export function wake(view, pause) {
  const { live } = view;
  if (!live) return;
  clearTimeout(live.timer);
  if (!live.done) live.timer = setTimeout(() => ask(view, live), pause);
}

async function ask(view, live) {
  if (document.hidden || live.busy) return; // the page wakes it when it is seen again
  live.busy = true;
  let pause = live.every;
  try {
    const url = new URL(live.url, location.origin);
    url.searchParams.set("cursor", live.cursor);
    const reply = await fetch(url, { cache: "no-store" });
    if (reply.status === 400) Object.assign(live, { cursor: "", restart: true });
    if (!reply.ok) throw new Error(String(reply.status));
    const news = await reply.json();
    if (isCurrent(view, live)) take(view, live, news);
    ({ quiet: live.quiet, pause } = afterNews(live.every, live.quiet, news));
  } catch {
    live.failures += 1;
    pause = afterFailure(live.every, live.failures);
    if (isCurrent(view, live) && live.failures > 1) view.note("Reconnecting …");
  }
  live.busy = false;
  if (isCurrent(view, live)) wake(view, pause);
}

const isCurrent = (view, live) => view.live === live && !view.gone;

function take(view, live, news) {
  if (live.restart) Object.assign(view, { lines: new Map(), idle: [] });
  Object.assign(live, taken(news));
  view.lines = news.traces.reduce(grown, view.lines);
  view.idle = idled(view.idle, news);
  if (news.traces.length || live.done) view.draw();
  view.note(...noteOf(news, live.unit));
  if (live.done) view.finish(news.state);
}
