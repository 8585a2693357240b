// For pages that hold a trace: opens it in Stepscope. Copy this file, or include it; it has no dependencies.
//
//   const scope = openInStepscope(buffer, "run 7, rank 0");            // in a window of its own: call it on a click
//   const scope = openInStepscope(buffer, "run 7", { frame });         // in an <iframe> of yours
//   scope.onselection = ({ timeStart, timeEnd, name }) => …;           // what the reader selects, in seconds
//   scope.select(12.5, 12.6);                                          // shows that stretch, seconds of the trace's clock
//   await scope.loaded;                                                // { events, timeStart, timeEnd }, or it rejects
//
// `buffer`: an ArrayBuffer (moved, not copied: it is empty afterwards, unless `copy: true`), a view, a Blob, a File, or
// a ReadableStream. The contract stands in docs/embedding.md.
(() => {
  "use strict";
  const EVERY_MS = 100;
  const here = document.currentScript?.src ?? location.href;

  /** Options: `url` (where Stepscope is), `frame` (an <iframe> to use), `embedded`, `keepOpen`, `copy`, `fileName`, `timeoutMs`. */
  window.openInStepscope = (buffer, title, options = {}) => {
    // This file lies in host/ beside Stepscope's index.html.
    const url = new URL(options.url ?? "..", here);
    const { frame } = options;
    if (frame) {
      // Another query would load the page again; another hash alone does not.
      if (!frame.dataset.stepscope) {
        frame.dataset.stepscope = "here";
        const page = new URL(url);
        if (!page.hash && options.embedded !== false) page.hash = "#!/?mode=embedded";
        frame.src = page.href;
      }
    }
    const target = frame ? frame.contentWindow : window.open(url.href, "_blank");
    const handle = { window: target, onselection: null, onprogress: null };
    // A sandboxed frame has the origin "null", which cannot be named as a target.
    const opaque = frame?.hasAttribute("sandbox") && !frame.sandbox.contains("allow-same-origin");
    const origin = opaque ? "*" : url.origin;
    const post = (message, transfer = []) => target.postMessage(message, origin, transfer);

    handle.select = (timeStart, timeEnd, viewPercentage) => {
      if (!(timeStart <= timeEnd)) throw new RangeError(`${timeStart} to ${timeEnd} is no stretch of time`);
      post({ perfetto: { timeStart, timeEnd, ...(viewPercentage === undefined ? {} : { viewPercentage }) } });
    };
    handle.loaded = new Promise((resolve, reject) => {
      if (!target) {
        reject(new Error("the browser opened no window: call openInStepscope on a click"));
        return;
      }
      const until = performance.now() + (options.timeoutMs ?? 30_000);
      const ping = setInterval(() => {
        if (target.closed) stop(new Error("its window was closed"));
        else if (performance.now() > until) stop(new Error(`${url.origin} did not answer`));
        else target.postMessage("PING", "*");
      }, EVERY_MS);
      const listen = (event) => {
        if (event.source !== target || (!opaque && event.origin !== url.origin)) return;
        if (event.data === "PONG") send();
        else if (event.data?.companion) hear(event.data.companion);
      };
      let sent = false;
      const send = () => {
        // Several PINGs are answered by several PONGs.
        if (sent) return;
        sent = true;
        clearInterval(ping);
        const moved =
          options.copy || !(buffer instanceof ArrayBuffer || buffer instanceof ReadableStream) ? [] : [buffer];
        try {
          post({ companion: { hello: 1 } });
          const { fileName } = options;
          post({ perfetto: { buffer, title: String(title), fileName, keepApiOpen: options.keepOpen ?? true } }, moved);
        } catch (error) {
          stop(error);
        }
      };
      const hear = (said) => {
        if (said.event === "loaded") resolve(said);
        else if (said.event === "error") reject(new Error(said.says));
        else if (said.event === "progress") handle.onprogress?.(said);
        else if (said.event === "selection") handle.onselection?.(said);
      };
      const stop = (error) => {
        clearInterval(ping);
        window.removeEventListener("message", listen);
        reject(error);
      };
      handle.close = () => stop(new Error("closed by the host"));
      window.addEventListener("message", listen);
    });
    // Whoever does not ask is not troubled by it.
    handle.loaded.catch(() => {});
    return handle;
  };
})();
