// Starts the page's WebAssembly. A file of its own, because the page's policy allows no inline script.
import init from "./app.js";

try {
  await init({ module_or_path: new URL("app_bg.wasm", import.meta.url) });
} catch (error) {
  document.documentElement.dataset.state = "failed";
  const place = document.getElementById("boot");
  if (place) {
    place.textContent =
      `Stepscope could not start: ${error.message ?? error}. It needs a browser of 2023 or later ` +
      "(WebAssembly with SIMD). If yours is, please reload once.";
  }
  throw error;
}
