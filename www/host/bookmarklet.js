// Writes the bookmarklet for wherever this Stepscope is.
(() => {
  "use strict";
  // Runs in the Perfetto tab. The window is opened before anything is waited for, or the browser would not allow it.
  const fromPerfetto = (url) => {
    const trace = window.ctx;
    if (!trace || typeof trace.getTraceFile !== "function") {
      alert("Stepscope: there is no trace open here, or Perfetto's Bookmarklet API is off.");
      return;
    }
    const opened = window.open(url, "_blank");
    if (!opened) {
      alert("Stepscope: the browser opened no window.");
      return;
    }
    const origin = new URL(url).origin;
    const ping = setInterval(() => opened.postMessage("PING", origin), 100);
    const answered = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("Stepscope did not answer within 30 s")), 30000);
      window.addEventListener("message", function listen(event) {
        if (event.source !== opened || event.origin !== origin || event.data !== "PONG") return;
        window.removeEventListener("message", listen);
        resolve();
      });
    });
    Promise.all([trace.getTraceFile(), answered])
      .then(([buffer]) => opened.postMessage({ perfetto: { buffer, title: document.title, fileName: buffer.name } }, origin))
      .catch((error) => alert(`Stepscope: ${error.message}`))
      .finally(() => clearInterval(ping));
  };
  const url = new URL("..", location.href).href;
  const source = `(${fromPerfetto})(${JSON.stringify(url)})`;
  document.getElementById("source").textContent = source;
  document.getElementById("bookmarklet").href = `javascript:${encodeURIComponent(`${source};void 0`)}`;
})();
