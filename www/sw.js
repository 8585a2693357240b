// Keeps one version of the page for times without a network. It is whole or not at all: nothing is served from a copy
// of which a file is missing, and page, worker and WebAssembly come from the same one.
//
// It fetches the files of its list, and nothing else at anybody's request but the browser's own for the page's
// addresses; its one message is "take over". So no page can send data through it (tests/e2e/cases/privacy.rs tries).

// Name -> hash of each file, and a hash over all; written when the page is packed (xtask/src/pack). "./" is the page.
const FILES = {};
const VERSION = "unpacked";

// Works in any folder; another Stepscope of this site, in another folder, has copies of its own.
const scope = new URL(self.registration.scope);
const OURS = `stepscope ${scope.pathname} `;
const COPY = OURS + VERSION;
const SHARED = `${OURS}shared`;

const addressOf = (name) => new URL(name, scope).href;

async function whole(name) {
  const address = addressOf(name);
  const integrity = FILES[name];
  let response;
  try {
    response = await fetch(address, { integrity, cache: "no-cache" });
  } catch {
    // What an HTTP cache on the way kept may be of another version.
    response = await fetch(address, { integrity, cache: "reload" });
  }
  if (!response.ok || response.redirected) throw new Error(`${address} is not there: ${response.status}`);
  return response;
}

self.addEventListener("install", (event) => {
  const fill = async () => {
    const names = Object.keys(FILES);
    // All fetched and checked before the first is kept.
    const responses = await Promise.all(names.map(whole));
    const fresh = !(await caches.has(COPY));
    try {
      const copy = await caches.open(COPY);
      await Promise.all(names.map((name, i) => copy.put(addressOf(name), responses[i])));
    } catch (error) {
      // As on a full disk: no half of a copy is left.
      if (fresh) await caches.delete(COPY);
      throw error;
    }
  };
  event.waitUntil(fill());
});

// A new version is activated when no tab runs the old one, or when the reader says so. A tab fetches nothing after
// its start, so nothing is swapped under an open trace.
self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(OURS) && name !== COPY && name !== SHARED) await caches.delete(name);
    }
  };
  event.waitUntil(tidy());
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const below = url.pathname.slice(scope.pathname.length);
  if (request.method === "POST" && below === "share") {
    event.respondWith(keepShared(request));
    return;
  }
  const name = below === "" || below === "index.html" ? "./" : below;
  if (request.method === "GET" && Object.hasOwn(FILES, name)) event.respondWith(answer(event, name, url));
});

// The page with ?nosw, and what it asks for, come from the network.
async function answer(event, name, url) {
  const asks = event.clientId ? await self.clients.get(event.clientId) : null;
  const bypass = [url, asks && new URL(asks.url)].some((from) => from?.searchParams.has("nosw"));
  const kept = bypass ? undefined : await (await caches.open(COPY)).match(addressOf(name));
  return kept && (await isWhole(kept, FILES[name])) ? kept : fetch(event.request);
}

// Any script of this origin can write into the copy, a worker of a page among them: what is served is what was fetched.
async function isWhole(kept, integrity) {
  const digest = await crypto.subtle.digest("SHA-256", await kept.clone().arrayBuffer());
  return integrity === `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}

// A file that was shared with the installed app: kept until the page that opens now takes it.
async function keepShared(request) {
  await caches.delete(SHARED);
  const shared = await caches.open(SHARED);
  // Where the browser does not let a service worker read the form, the page opens all the same, and says so.
  const sent = await request.formData().then((form) => form.getAll("trace"), () => []);
  const files = sent.filter((file) => file instanceof File);
  await Promise.all(
    files.map((file, i) => {
      const headers = { "x-name": encodeURIComponent(file.name) };
      return shared.put(addressOf(`share/${i}`), new Response(file, { headers }));
    }),
  );
  return Response.redirect(addressOf("./?shared"), 303);
}
