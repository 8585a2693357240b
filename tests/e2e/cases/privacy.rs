//! Nothing leaves the page: not because it does not try, but because the browser does not let it.

use fantoccini::key::Key;
use serde_json::Value;
use stepscope::view::route::View;
use stepscope_e2e::Page;

use crate::offline::FIRST_VISIT;
use crate::opening::{ONE_EVENT, file};
use crate::real::{FILLS_OF_GAUDI, go};

/// What came back, or why nothing did.
fn outcome(value: &Value) -> String {
    value["rejected"]
        .as_str()
        .map_or_else(|| format!("got {value}"), |why| format!("rejected: {why}"))
}

/// In a worker that starts as the page's own do (src/web/boot.rs).
const FETCH_IN_A_WORKER: &str = "
    const source = `fetch('${location.origin}/')
        .then(r => postMessage('status ' + r.status), why => postMessage('rejected ' + why))`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
    const said = await new Promise((resolve, reject) => {
        worker.onmessage = event => resolve(event.data);
        worker.onerror = event => resolve('the worker did not start: ' + event.message);
    });
    if (said.startsWith('rejected')) throw said;
    return said";

fn must_be_rejected(page: &Page, what: &str, script: &str) {
    let outcome = outcome(&page.eval_async(script));
    assert!(outcome.starts_with("rejected: "), "{what}: {outcome}");
    // The server counts for itself, whatever the browser says.
    assert_eq!(page.requests_since_boot(), [""; 0], "{what}");
}

#[test]
fn the_lock_is_what_blocks() {
    // The same requests succeed before the page's program has run, or the tests below would prove nothing.
    let mut page = Page::blank();
    page.cdp(
        "Network.setBlockedURLs",
        serde_json::json!({ "urls": ["*app_bg.wasm"] }),
    );
    page.go_to("");
    assert_eq!(page.state(), "failed");
    let status = page.eval_async("return (await fetch('index.html')).status");
    assert_eq!(status, 200);
    let size = page.eval_async(
        "const image = new Image();
         image.src = 'no-such.png';
         return await new Promise(done => { image.onload = image.onerror = () => done('asked') })",
    );
    assert_eq!(size, "asked");
    assert_eq!(page.eval_async(FETCH_IN_A_WORKER), "status 200");
    let asked = page.requests_since_boot();
    for one in ["GET /index.html", "GET /no-such.png", "GET /"] {
        assert!(
            asked.iter().any(|request| request == one),
            "{one} is not in {asked:?}"
        );
    }
}

#[test]
fn the_page_cannot_fetch() {
    let page = Page::open();
    must_be_rejected(
        &page,
        "fetch of our own origin",
        "return (await fetch('/')).status",
    );
    must_be_rejected(
        &page,
        "fetch of another",
        "return (await fetch('http://127.0.0.1:9/')).status",
    );
}

#[test]
fn a_worker_cannot_fetch() {
    let page = Page::open();
    must_be_rejected(&page, "fetch in a worker", FETCH_IN_A_WORKER);
}

#[test]
fn a_worker_from_a_files_address_does_not_start() {
    // Such a worker would not be bound by the page's policy.
    let page = Page::open();
    let script = "
        const worker = new Worker('worker.js');
        return await new Promise((resolve, reject) => {
            worker.onmessage = () => resolve('it speaks');
            worker.onerror = () => reject('blocked');
            setTimeout(() => resolve('neither started nor blocked'), 5000);
        })";
    must_be_rejected(&page, "worker.js by its address", script);
}

#[test]
fn no_other_way_out_of_the_page_is_open() {
    let page = Page::open();
    let xhr = "return await new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.onload = () => resolve(request.status);
        request.onerror = () => reject('blocked');
        request.open('GET', '/?secret');
        request.send();
    })";
    must_be_rejected(&page, "XMLHttpRequest", xhr);
    let image = "return await new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve('loaded');
        image.onerror = () => reject('blocked');
        image.src = '/pixel.png?secret';
    })";
    must_be_rejected(&page, "an image's address", image);
    let socket = "return await new Promise((resolve, reject) => {
        const socket = new WebSocket('ws://' + location.host + '/secret');
        socket.onopen = () => resolve('open');
        socket.onerror = () => reject('blocked');
    })";
    must_be_rejected(&page, "WebSocket", socket);
    must_be_rejected(
        &page,
        "a script's address",
        "await import('/boot.js?secret'); return 'loaded'",
    );
    let frame = "return await new Promise((resolve, reject) => {
        document.addEventListener('securitypolicyviolation', () => reject('blocked'), { once: true });
        const frame = document.createElement('iframe');
        frame.src = '/?secret';
        document.body.append(frame);
        setTimeout(() => resolve('not blocked'), 5000);
    })";
    must_be_rejected(&page, "a frame", frame);
    let form = "return await new Promise((resolve, reject) => {
        document.addEventListener('securitypolicyviolation', () => reject('blocked'), { once: true });
        const form = document.createElement('form');
        form.action = '/?secret';
        document.body.append(form);
        form.submit();
        setTimeout(() => resolve('not blocked'), 5000);
    })";
    must_be_rejected(&page, "a form", form);
    // sendBeacon says true even when it is blocked; the server knows.
    page.eval("return navigator.sendBeacon('/?secret', 'trace')");
    must_be_rejected(&page, "a beacon, seen from the server", "throw 'sent'");
}

#[test]
fn a_whole_session_asks_for_the_pages_files_and_nothing_else() {
    let page = Page::open();
    page.click("button.sample");
    page.wait_for("ready");
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
    }
    page.press("/");
    page.press("execute");
    page.wait_until("names are found", || page.count("dialog[open]") == 1);
    page.press(&stepscope_e2e::key(Key::Escape));
    page.click("details.menu summary");
    page.click("details.menu button");
    page.wait_until("the report is saved", || !page.saved().is_empty());
    let trace = file(ONE_EVENT);
    page.choose_files(&[trace.path()]);
    page.wait_until("the second file is open", || {
        page.state() == "ready" && page.text("body").contains(crate::real::name(trace.path()))
    });
    page.must_be_clean();
    let mut asked = page.asked();
    asked.sort();
    assert_eq!(asked, FIRST_VISIT);
}

/// Ways of asking for an address that need no answer: each is tried, and the server is asked what came.
const TRIES: &str = "
    const address = what => `${location.origin}/leak-${what}?secret`;
    const add = (tag, properties) => document.body.append(Object.assign(document.createElement(tag), properties));
    const tries = {
        eventsource: to => new EventSource(to),
        webtransport: to => new WebTransport(to.replace('http:', 'https:')),
        keepalive: to => fetch(to, { keepalive: true, mode: 'no-cors' }).catch(() => {}),
        audio: to => new Audio(to).play().catch(() => {}),
        video: to => add('video', { src: to, poster: to }),
        object: to => add('object', { data: to }),
        embed: to => add('embed', { src: to }),
        style: to => document.body.setAttribute('style', `background-image: url(${to})`),
        sheet: to => add('style', { textContent: `@import '${to}'; html { background: url(${to}) }` }),
        adopted: to => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(`body { border-image: url(${to}) } @font-face { font-family: x; src: url(${to}) }`);
            document.adoptedStyleSheets = [sheet];
            document.body.style.fontFamily = 'x';
        },
        svg: to => { document.body.insertAdjacentHTML('beforeend', `<svg><image href='${to}'/><use href='${to}#a'/></svg>`) },
        nested: to => add('iframe', { srcdoc: `<img src='${to}'><script src='${to}'></script>` }),
        blank: to => {
            const frame = document.createElement('iframe');
            document.body.append(frame);
            frame.contentWindow.fetch(to).catch(() => {});
            new frame.contentWindow.Image().src = to;
        },
        import: to => import(to).catch(() => {}),
        caches: to => caches.open('leak').then(cache => cache.add(to)).catch(() => {}),
        serviceworker: to => navigator.serviceWorker.register(to).catch(() => {}),
        script: to => navigator.serviceWorker.register('sw.js?secret').catch(() => {}),
        update: () => navigator.serviceWorker.getRegistration().then(found => found.update()).catch(() => {}),
        message: async to => {
            const found = await navigator.serviceWorker.getRegistration();
            for (const message of [to, { url: to }, { type: 'fetch', url: to }, ['take over', to]]) {
                found.active.postMessage(message);
            }
        },
        sync: to => navigator.serviceWorker.getRegistration().then(found => found.sync.register(to)).catch(() => {}),
        background: to => navigator.serviceWorker.getRegistration()
            .then(found => found.backgroundFetch.fetch('x', [to])).catch(() => {}),
        worker: to => {
            const source = `
                const ask = new XMLHttpRequest();
                try { importScripts('${to}') } catch {}
                try { ask.open('GET', '${to}', false); ask.send() } catch {}
                try { new WebSocket('${to}'.replace('http', 'ws')) } catch {}
                try { new Worker('${to}') } catch {}
                try { new EventSource('${to}') } catch {}
                fetch('${to}').catch(() => {});`;
            new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
        },
        shared: to => new SharedWorker(to),
        cookie: () => { document.cookie = 'leak-cookie=secret' },
        redefined: () => {
            const kept = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
            delete Document.prototype.cookie;
            Object.defineProperty(document, 'cookie', kept);
            document.cookie = 'leak-redefined=secret';
        },
        store: () => cookieStore.set('leak-store', 'secret'),
        header: async () => {
            const { navigationPreload } = await navigator.serviceWorker.getRegistration();
            await navigationPreload.enable();
            await navigationPreload.setHeaderValue('secret');
        },
        copy: async () => {
            for (const name of await caches.keys()) {
                const copy = await caches.open(name);
                for (const kept of await copy.keys()) await copy.put(kept, new Response('secret'));
            }
        },
        framed: () => {
            const frame = document.createElement('iframe');
            document.body.append(frame);
            frame.contentDocument.cookie = 'leak-framed=secret';
        },
        named: () => {
            document.body.append(document.createElementNS('http://www.w3.org/1999/xhtml', 'x:iframe'));
            window[window.length - 1].document.cookie = 'leak-named=secret';
        },
        written: () => {
            document.body.insertAdjacentHTML('beforeend', '<iframe></iframe>');
            window[window.length - 1].document.cookie = 'leak-written=secret';
        },
        inner: () => {
            const box = document.createElement('div');
            box.innerHTML = '<iframe></iframe>';
            document.body.append(box);
            box.firstChild.contentDocument.cookie = 'leak-inner=secret';
        },
        parsed: () => {
            const other = new DOMParser().parseFromString('<iframe></iframe>', 'text/html');
            document.body.append(document.adoptNode(other.querySelector('iframe')));
            window[window.length - 1].document.cookie = 'leak-parsed=secret';
        },
        ranged: () => {
            document.body.append(document.createRange().createContextualFragment('<iframe></iframe>'));
            window[window.length - 1].document.cookie = 'leak-ranged=secret';
        },
        rooted: () => {
            const other = document.implementation.createDocument('http://www.w3.org/1999/xhtml', 'iframe');
            document.body.append(document.adoptNode(other.documentElement));
            window[window.length - 1].document.cookie = 'leak-rooted=secret';
        },
        custom: () => {
            const Own = class extends HTMLIFrameElement {};
            customElements.define('own-frame', Own, { extends: 'iframe' });
            document.body.append(new Own());
            window[window.length - 1].document.cookie = 'leak-custom=secret';
        },
        opened: () => { window.open('about:blank').document.cookie = 'leak-opened=secret' },
    };
    for (const kind of ['preload', 'prefetch', 'prerender', 'modulepreload', 'stylesheet', 'icon', 'manifest']) {
        tries[kind] = to => document.head.append(Object.assign(document.createElement('link'), { rel: kind, href: to, as: kind === 'preload' ? 'image' : '' }));
    }
    for (const [what, how] of Object.entries(tries)) {
        try { await how(address(what)) } catch {}
    }
    await new Promise(done => setTimeout(done, 3000));
    return Object.keys(tries).length";

#[test]
fn nothing_gets_out_by_any_of_forty_four_other_ways() {
    let mut page = Page::open();
    assert_eq!(page.eval_async(TRIES), 44);
    assert_eq!(page.requests_since_boot(), [""; 0]);
    // Nor is anything left for the next visit to carry.
    page.go_to_plain("nothing");
    assert_eq!(page.eval_async(LEFT), "");
    page.go_to("?again");
    assert_eq!(page.state(), "empty", "the copy is as it was");
}

/// What the next request to our own host would carry.
const LEFT: &str = "
    const found = await navigator.serviceWorker.getRegistration();
    const preload = await found.navigationPreload.getState();
    return document.cookie + (preload.headerValue === 'true' ? '' : preload.headerValue)";

#[test]
fn what_is_served_from_the_copy_is_what_was_fetched() {
    let mut page = Page::open();
    page.wait_until("the copy is whole", || page.offline() == "ready");
    page.go_to_plain("nothing");
    let spoiled = page.eval_async(
        "let n = 0;
         for (const name of await caches.keys()) {
             const copy = await caches.open(name);
             for (const kept of await copy.keys()) { await copy.put(kept, new Response('secret')); n += 1; }
         }
         return n",
    );
    assert!(spoiled.as_u64().is_some_and(|n| n > 3), "{spoiled}");
    page.go_to("?again");
    page.wait_for("empty");
}

#[test]
fn the_other_ways_would_work_without_the_lock() {
    // The same in a page without a policy: most of them reach the server, so the test above can fail.
    let page = Page::open();
    page.go_to_plain("nothing");
    assert_eq!(page.eval_async(TRIES), 44);
    let asked = page.requests_since_boot();
    let left = page.eval_async(LEFT).to_string();
    for what in [
        "cookie=",
        "redefined=",
        "store=",
        "framed=",
        "named=",
        "written=",
        "inner=",
        "parsed=",
        "ranged=",
        "rooted=",
        "custom=",
        "secret",
    ] {
        assert!(left.contains(what), "{what} did not come: {left}");
    }
    for what in [
        "eventsource",
        "keepalive",
        "audio",
        "video",
        "object",
        "embed",
        "style",
        "sheet",
        "adopted",
        "svg",
        "nested",
        "blank",
        "import",
        "caches",
        "serviceworker",
        "worker",
        "shared",
        "preload",
        "prefetch",
        "modulepreload",
        "stylesheet",
    ] {
        let request = format!("GET /leak-{what}?secret");
        assert!(asked.contains(&request), "{what} did not come: {asked:?}");
    }
    assert!(asked.contains(&"GET /sw.js?secret".to_owned()), "{asked:?}");
    // The service worker does nothing at a page's word, policy or not.
    for what in ["message", "sync"] {
        assert!(
            !asked.iter().any(|one| one.contains(&format!("leak-{what}"))),
            "{asked:?}"
        );
    }
}

#[test]
fn going_elsewhere_is_not_stopped_and_the_readme_says_so() {
    let page = Page::open();
    page.eval("location.href = 'nothing?secret'");
    page.wait_until("the browser went there", || {
        page.asked().contains(&"GET /nothing?secret".to_owned())
    });
}
