// What opening is measured against: inflating alone, in wasm and by the browser; JSON.parse.
// Each function gives {ms, bytes}: wall time, and bytes of the inflated text.

const module = await WebAssembly.compileStreaming(fetch("inflate_bg.wasm"));
const file = () => document.querySelector("input").files[0];
const zipped = () => file().name.endsWith(".gz");
const text = () => zipped() ? file().stream().pipeThrough(new DecompressionStream("gzip")) : file().stream();

// `what` is "Alone" or "Engine" (bench/inflate). A fresh worker each time, as the product does it; the compiled
// module is kept, so from the second run on its code is the optimised one.
globalThis.inflate = what => new Promise((done, failed) => {
  const worker = new Worker("worker.js");
  const end = (then, value) => { worker.terminate(); then(value); };
  worker.onmessage = event => end(done, event.data);
  worker.onerror = event => end(failed, event.message);
  worker.postMessage({ module, what, file: file() });
});

globalThis.decompressionStream = async () => {
  const start = performance.now();
  const reader = text().getReader();
  let bytes = 0;
  for (let piece; !(piece = await reader.read()).done;) bytes += piece.value.length;
  return { ms: performance.now() - start, bytes };
};

globalThis.jsonParse = async () => {
  const start = performance.now();
  const whole = await new Response(text()).text();
  JSON.parse(whole);
  return { ms: performance.now() - start, bytes: whole.length };
};

document.documentElement.dataset.state = "empty";
