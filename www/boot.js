// Starts the page: gets its parts, sees to the offline copy, runs the page's WebAssembly, which locks the network
// (src/web/boot.rs). A file of its own, because the page's policy allows no inline script.
import init from "./app.js";

// What each part must be, as a hash; written when the page is packed (xtask/src/pack). The page, the worker's two
// files and this one are of one version, or nothing starts. Empty: a page that Trunk built by itself; nothing is checked.
const PARTS = {};
// Names this version to people; written likewise.
const VERSION = "unpacked";

const root = document.documentElement;

// What the page itself needs of that which `shut` takes away.
const { apply, defineProperty, getPrototypeOf } = Reflect;
const held = { serviceWorker: null, caches: null };
try {
  held.serviceWorker = navigator.serviceWorker;
  held.caches = window.caches;
} catch {
  // A sandboxed frame has neither.
}

// The policy (src/web/boot.rs) binds what is fetched. These ways go around it, so they are taken away, for good: an own
// property that is not configurable cannot be set or deleted again.
//   cookie, cookieStore       go to our own host with its next request
//   serviceWorker, caches     its update and its navigation preload carry bytes; its copy is the next visit's page
// A frame, even an empty one, and a new window have all of these anew; so nothing makes a frame: no element, no markup.
const CLOSED = [
  ["Document", ["cookie", "execCommand", "open", "write", "writeln"]],
  ["Navigator", ["serviceWorker"]],
  ["ServiceWorkerRegistration", ["backgroundFetch", "navigationPreload", "periodicSync", "pushManager", "sync", "update"]],
  ["Element", ["insertAdjacentHTML", "setHTML", "setHTMLUnsafe"]],
  ["ShadowRoot", ["setHTML", "setHTMLUnsafe"]],
  ["Range", ["createContextualFragment"]],
  ["DOMImplementation", ["createDocument"]],
  ["DOMParser", ["parseFromString"]],
  ["XSLTProcessor", ["importStylesheet"]],
  ["CustomElementRegistry", ["define"]],
];
const FRAMES = ["HTMLIFrameElement", "HTMLFrameElement", "HTMLObjectElement", "HTMLEmbedElement", "HTMLFencedFrameElement"];

function shut() {
  const close = (owner, name, value) => {
    if (owner && name in owner) defineProperty(owner, name, { value, writable: false, configurable: false });
  };
  for (const [owner, names] of CLOSED) {
    for (const name of names) close(window[owner]?.prototype, name, undefined);
  }
  for (const name of ["cookieStore", "caches"]) close(window, name, undefined);
  close(window.Document, "parseHTMLUnsafe", undefined);
  // Markup can be read, not written.
  for (const owner of [window.Element, window.ShadowRoot]) {
    for (const name of ["innerHTML", "outerHTML"]) {
      const get = Object.getOwnPropertyDescriptor(owner.prototype, name)?.get;
      if (get) defineProperty(owner.prototype, name, { get, set: undefined, configurable: false });
    }
  }
  // Held here and compared by hand: whatever a script puts in their place later is not asked.
  const frames = FRAMES.map((name) => window[name]?.prototype).filter((prototype) => prototype !== undefined);
  for (const name of ["createElement", "createElementNS"]) {
    const make = Document.prototype[name];
    close(Document.prototype, name, function (...given) {
      const element = apply(make, this, given);
      const prototype = getPrototypeOf(element);
      for (let i = 0; i < frames.length; i += 1) {
        if (prototype === frames[i]) throw new TypeError("this page makes no frames");
      }
      return element;
    });
  }
  // An address of another page only: "about:blank" would be a window of ours.
  const open = window.open;
  close(window, "open", (address, target, features) => {
    const text = `${address}`;
    if (text[0] !== "h" || text[1] !== "t" || text[2] !== "t" || text[3] !== "p") {
      throw new TypeError("this page opens other pages only");
    }
    return apply(open, window, [text, target, features]);
  });
}

// A part lies in the document (the page as one file) or beside it.
async function bytes(name) {
  const inside = document.querySelector(`script[data-part="${name}"]`);
  if (inside) {
    const packed = Uint8Array.from(atob(inside.textContent), (letter) => letter.charCodeAt(0));
    inside.remove();
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(plain).arrayBuffer();
  }
  const failed = (why) => new Error(`${name} could not be fetched: ${why}`);
  let response;
  try {
    // "no-cache" asks the server whether what the browser kept is still right.
    response = await fetch(name, { cache: "no-cache", integrity: PARTS[name] ?? "" });
  } catch (error) {
    const other = PARTS[name] ? ", or it is of another version than this page; reloading helps then" : "";
    throw failed(`${error.message}${other}`);
  }
  if (!response.ok) throw failed(`the server answered ${response.status}`);
  return response.arrayBuffer();
}

// The offline copy (www/sw.js). `data-offline` of the root element says how it stands:
// none (`title`: why), fetching, ready (kept for the next start), update (a newer version is kept, and waits).
const offline = {
  registration: null,
  say(state, why = "") {
    offline.why = why;
    root.dataset.offline = state;
    window.dispatchEvent(new Event("stepscope-offline"));
  },
  why: "",
  // Whether this page may have one. Another site's frame is the business of that site.
  refused() {
    if (!location.protocol.startsWith("http")) return "it was opened as a file";
    if (new URLSearchParams(location.search).has("nosw")) return "the address says ?nosw";
    if (Object.keys(PARTS).length === 0) return "it was built without one";
    try {
      if (window.top.location.origin !== location.origin) return "it is framed by another site";
      if (!held.serviceWorker) return "it needs https or localhost";
    } catch {
      return "it is framed by another site";
    }
    return "";
  },
  // Must be called before the lock, which forbids it. It is not waited for.
  async keep() {
    const why = offline.refused();
    if (why) return offline.say("none", why);
    offline.say("fetching");
    try {
      const registration = await held.serviceWorker.register("sw.js", { updateViaCache: "none" });
      offline.registration = registration;
      const follow = (worker) => {
        const look = () => {
          // One that waits is an update only if another is at work.
          if (worker.state === "installed" && registration.active) offline.say("update");
          if (worker.state === "activated") offline.say("ready");
          if (worker.state === "redundant" && root.dataset.offline === "fetching") {
            offline.say("none", "its files could not all be fetched");
          }
        };
        worker.addEventListener("statechange", look);
        look();
      };
      registration.addEventListener("updatefound", () => follow(registration.installing));
      for (const worker of [registration.active, registration.installing, registration.waiting]) {
        if (worker) follow(worker);
      }
    } catch (error) {
      offline.say("none", error.message);
    }
  },
  // The waiting version takes over, and this tab starts again with it.
  update() {
    const waiting = offline.registration?.waiting;
    if (!waiting) return location.reload();
    waiting.addEventListener("statechange", () => {
      if (waiting.state === "activated") location.reload();
    });
    waiting.postMessage("take over");
  },
  async forget() {
    // Both by the scope: another Stepscope may live in another folder of the same site.
    const mine = new URL(".", location.href).pathname;
    await offline.registration?.unregister();
    for (const name of await held.caches.keys()) {
      if (name.startsWith(`stepscope ${mine} `)) await held.caches.delete(name);
    }
    offline.registration = null;
    offline.say("none", "it was forgotten");
  },
};

// Files that come from outside: opened with the installed app, or shared with it (www/sw.js keeps these for us).
const outside = {
  waiting: null,
  told: null,
  // No files: some were promised and did not come. `shared`: any site can send such a form, so the reader is asked.
  give(files, shared) {
    if (outside.told) outside.told(files, shared);
    else outside.waiting = [files, shared];
  },
  listen(told) {
    outside.told = told;
    if (outside.waiting) told(...outside.waiting);
    outside.waiting = null;
  },
};
window.launchQueue?.setConsumer(async ({ files }) => {
  // Started without a file.
  if (files.length === 0) return;
  const all = [...files].map((handle) => handle.getFile());
  outside.give(await Promise.all(all).catch(() => []), false);
});
async function takeShared() {
  const address = new URL(location.href);
  if (!address.searchParams.has("shared")) return;
  address.searchParams.delete("shared");
  history.replaceState(null, "", address);
  const place = `stepscope ${new URL(".", address).pathname} shared`;
  const cache = await held.caches.open(place);
  const files = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    files.push(new File([await response.blob()], decodeURIComponent(response.headers.get("x-name"))));
  }
  await held.caches.delete(place);
  outside.give(files, true);
}

try {
  const page = bytes("app_bg.wasm");
  const glue = bytes("worker.js").then((part) => new TextDecoder().decode(part));
  const worker = bytes("worker_bg.wasm");
  // The page locks itself when it has the worker's parts; the offline copy is asked for before that.
  const all = Promise.all([page, glue, worker]).then(() => {
    offline.keep();
  });
  const parts = { glue: all.then(() => glue), module: worker.then((part) => WebAssembly.compile(part)) };
  // Who waits for them comes later, or never if the page's own part does not start.
  for (const part of Object.values(parts)) part.catch(() => {});
  window.stepscope = {
    version: VERSION,
    parts,
    offlineWhy: () => offline.why,
    update: offline.update,
    forget: offline.forget,
    listen: outside.listen,
    shut,
  };
  await init({ module_or_path: await page });
  await takeShared();
} catch (error) {
  root.dataset.state = "failed";
  const place = document.getElementById("boot");
  if (place) {
    place.textContent =
      `Stepscope could not start: ${error.message ?? error}. It needs a browser of 2023 or later ` +
      "(WebAssembly with SIMD). If yours is, please reload once.";
  }
  throw error;
}
