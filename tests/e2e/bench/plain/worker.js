// Inflates a file alone, in slices as large as the product's.
importScripts("inflate.js");

const SLICE = 4 << 20;

onmessage = async ({ data: { module, what, file } }) => {
  wasm_bindgen.initSync({ module });
  const engine = new wasm_bindgen[what]();
  const start = performance.now();
  let bytes = 0;
  for (let at = 0; at < file.size; at += SLICE) {
    const slice = await file.slice(at, at + SLICE).arrayBuffer();
    bytes = engine.feed(new Uint8Array(slice));
  }
  postMessage({ ms: performance.now() - start, bytes });
};
