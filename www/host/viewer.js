// A stand-in for Perfetto, for trying things without network: it takes a trace and ranges by the same contract, and
// draws just enough to show that it has them. It reads the whole text at once: no large files.
(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  let slices = [];
  let shown = null;
  let keepOpen = true;
  // As Perfetto: a range that comes while a trace is read waits for it.
  let reading = 0;
  let waiting = null;

  const read = async (buffer) => {
    const bytes = new Uint8Array(buffer);
    let body = new Blob([bytes]).stream();
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) body = body.pipeThrough(new DecompressionStream("gzip"));
    const trace = JSON.parse(await new Response(body).text());
    return Array.isArray(trace) ? trace : trace.traceEvents;
  };
  const draw = () => {
    const canvas = byId("picture");
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    if (!shown) return;
    const [start, end] = shown;
    context.fillStyle = "#4f9bd9";
    const rows = new Map();
    for (const { ts, dur, pid, tid } of slices) {
      const key = `${pid} ${tid}`;
      if (!rows.has(key)) rows.set(key, rows.size);
      if (ts + dur < start || ts > end) continue;
      const x = ((ts - start) / (end - start)) * width;
      context.fillRect(x, (rows.get(key) * 9) % height, Math.max(1, (dur / (end - start)) * width - 1), 7);
    }
  };
  const show = (startUs, endUs) => {
    shown = [startUs, endUs];
    root.dataset.range = `${startUs / 1e6},${endUs / 1e6}`;
    byId("range").textContent = `${startUs / 1e6} s to ${endUs / 1e6} s`;
    draw();
  };
  const open = async ({ buffer, title, fileName, keepApiOpen }) => {
    // As Perfetto: a buffer or a view, nothing else.
    if (!(buffer instanceof ArrayBuffer) && !ArrayBuffer.isView(buffer)) throw new Error("no buffer");
    keepOpen = keepApiOpen === true;
    root.dataset.bytes = buffer.byteLength;
    root.dataset.traces = Number(root.dataset.traces ?? 0) + 1;
    reading += 1;
    waiting = null;
    const events = await read(buffer).finally(() => { reading -= 1; });
    slices = events.filter((event) => event.ph === "X").map((e) => ({ ...e, ts: Number(e.ts), dur: Number(e.dur ?? 0) }));
    const times = events.filter((event) => event.ph !== "M" && event.ts !== undefined).map((event) => Number(event.ts));
    const last = slices.reduce((end, { ts, dur }) => Math.max(end, ts + dur), -Infinity);
    const from = times.reduce((a, b) => Math.min(a, b), Infinity);
    const to = times.reduce((a, b) => Math.max(a, b), last);
    byId("trace").textContent = `${title}: ${events.length} events`;
    root.dataset.title = title;
    root.dataset.fileName = fileName ?? "";
    root.dataset.events = events.length;
    const hash = new URLSearchParams(location.hash.replace(/^#!?\/?\??/, ""));
    const [start, end] = [Number(hash.get("visStart")) / 1e3, Number(hash.get("visEnd")) / 1e3];
    // As Perfetto: a window outside of the trace is no window.
    if (waiting) show(...waiting);
    else if (start < end && start >= from && end <= to) show(start, end);
    else show(from, to);
  };

  window.addEventListener("message", (event) => {
    const { data, source } = event;
    if (source !== window.opener && source !== window.parent && source?.opener !== window) return;
    if (data?.perfettoIgnore) return;
    if (data === "PING") {
      // For tests: one that never answers, and one that starts slowly.
      if (!location.search.includes("silent") && !root.dataset.slow) source.postMessage("PONG", "*");
      root.dataset.pings = Number(root.dataset.pings ?? 0) + 1;
      return;
    }
    if (!keepOpen) return;
    const asked = data instanceof ArrayBuffer ? { buffer: data, title: "External trace" } : data?.perfetto;
    if (asked?.buffer !== undefined) {
      open(asked).catch((error) => {
        byId("trace").textContent = String(error);
        root.dataset.error = String(error);
      });
    } else if (asked?.timeStart <= asked?.timeEnd) {
      root.dataset.ranges = Number(root.dataset.ranges ?? 0) + 1;
      const stretch = [asked.timeStart * 1e6, asked.timeEnd * 1e6];
      if (reading > 0) waiting = stretch;
      else show(...stretch);
    }
  });
  window.addEventListener("resize", draw);
  root.dataset.state = "up";
})();
