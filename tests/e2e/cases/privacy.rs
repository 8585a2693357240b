//! Nothing leaves the page: not because it does not try, but because the browser does not let it.

use serde_json::Value;
use stepscope_e2e::Page;

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
