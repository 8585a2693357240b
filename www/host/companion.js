// One file, two frames: Stepscope, and a Perfetto that follows what is selected in Stepscope.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const says = (text) => {
    byId("says").textContent = text;
  };
  let perfetto = null;

  const openInPerfetto = (file) => {
    const frame = byId("perfetto");
    const address = byId("address").value.trim();
    const url = new URL(address || "viewer.html", location.href);
    if (!url.hash) url.hash = "#!/?mode=embedded";
    frame.src = url.href;
    const ping = setInterval(() => frame.contentWindow.postMessage("PING", "*"), 100);
    perfetto?.stop();
    const listen = async (event) => {
      if (event.source !== frame.contentWindow || event.origin !== url.origin || event.data !== "PONG") return;
      stop();
      // Perfetto takes buffers alone; Stepscope reads the same file from the disk.
      const buffer = await file.arrayBuffer();
      const message = { buffer, title: file.name, fileName: file.name, keepApiOpen: true, localOnly: true };
      frame.contentWindow.postMessage({ perfetto: message }, url.origin, [buffer]);
    };
    const stop = () => {
      clearInterval(ping);
      window.removeEventListener("message", listen);
    };
    window.addEventListener("message", listen);
    perfetto = {
      stop,
      show: ({ timeStart, timeEnd }) =>
        frame.contentWindow.postMessage({ perfetto: { timeStart, timeEnd, viewPercentage: 0.5 } }, url.origin),
    };
  };

  byId("file").addEventListener("change", () => {
    const [file] = byId("file").files;
    if (!file) return;
    says(`Reading ${file.name}…`);
    openInPerfetto(file);
    const scope = window.openInStepscope(file, file.name, { frame: byId("stepscope"), fileName: file.name });
    scope.onselection = (selected) => {
      says(`${selected.name || "A stretch"}: ${selected.timeStart} s to ${selected.timeEnd} s`);
      perfetto.show(selected);
    };
    scope.loaded.then(
      (loaded) => says(`${file.name}: ${loaded.events} events. What you select on the left is shown on the right.`),
      (error) => says(`Stepscope did not open it: ${error.message}`),
    );
    window.scope = scope;
  });
})();
