// Takes messages of other pages (docs/embedding.md) from the first moment on: a host asks "PING" until it hears "PONG",
// and then posts its trace once, long before the program is there. A classic script, first in the head; a file of
// its own, because the page's policy allows no inline script. What a message means is judged in
// src/protocol/companion.
(() => {
  "use strict";
  let tell = null;
  // While nobody listens: one trace, one range, one greeting.
  const kept = new Map();

  // Only who opened us, who frames us, or whom we opened may speak to us.
  const isOurs = (source) => {
    if (!source || source === window) return false;
    if (source === window.opener || source === window.parent) return true;
    try {
      return source.opener === window;
    } catch {
      return false;
    }
  };
  const holds = (data, key) => typeof data === "object" && data !== null && key in data;
  const isTrace = (it) =>
    ((it instanceof ArrayBuffer || ArrayBuffer.isView(it)) && it.byteLength > 0) ||
    (it instanceof Blob && it.size > 0) ||
    it instanceof ReadableStream;
  const keep = (event) => {
    const { data } = event;
    const perfetto = holds(data, "perfetto") ? data.perfetto : null;
    if (isTrace(data) || isTrace(perfetto?.buffer)) {
      // The first of two posts, unless its host means to post more.
      const first = kept.get("trace")?.data?.perfetto;
      if (kept.has("trace") && first?.keepApiOpen !== true) return;
      kept.delete("trace");
      kept.set("trace", event);
    } else if (holds(perfetto, "timeStart")) {
      kept.set("range", event);
    } else if (holds(data, "companion")) {
      kept.set("hello", event);
    }
  };

  window.addEventListener("message", (event) => {
    const { data, source } = event;
    if (!isOurs(source) || (holds(data, "perfettoIgnore") && data.perfettoIgnore)) return;
    if (data === "PING") {
      source.postMessage("PONG", "*");
    } else if (tell) {
      tell(event);
    } else {
      keep(event);
    }
  });

  // The program takes over; what was kept is told first.
  window.stepscopeReceiver = (told) => {
    tell = told;
    for (const key of ["hello", "trace", "range"]) {
      if (kept.has(key)) tell(kept.get(key));
    }
    kept.clear();
  };
})();
