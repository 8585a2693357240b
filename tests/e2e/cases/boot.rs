//! The page starts, and says so when it cannot.

use serde_json::json;
use stepscope::protocol::engine::{PROTOCOL, Reply};
use stepscope::protocol::wire;
use stepscope_e2e::{Look, Page};

#[test]
fn the_page_starts_with_nothing_open() {
    let page = Page::open();
    assert_eq!(page.state(), "empty");
    assert_eq!(
        page.count("#boot"),
        0,
        "the line that says it is starting is gone"
    );
    assert!(page.text("body").contains("Stepscope"));
    page.screenshot("start-light", Look::LAPTOP);
    page.screenshot(
        "start-dark",
        Look {
            dark: true,
            ..Look::LAPTOP
        },
    );
    page.screenshot("start-phone", Look::PHONE);
    page.must_be_clean();
}

#[test]
fn a_style_that_yew_sets_is_not_blocked() {
    let page = Page::open();
    let width = page.eval(
        "const p = document.createElement('p');
         p.setAttribute('style', 'width: 123px');
         document.body.append(p);
         return getComputedStyle(p).width",
    );
    assert_eq!(width, "123px");
    page.must_be_clean();
}

#[test]
fn a_worker_starts_without_the_network() {
    // The same way as the page's own (src/web/boot.rs), after the lock, and its wasm runs.
    let page = Page::open();
    let answer = page.eval_async(
        "const source = `self.onmessage = async event => {
             const instance = await WebAssembly.instantiate(event.data);
             self.postMessage(instance instanceof WebAssembly.Instance);
         }`;
         const module = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
         const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
         worker.postMessage(module);
         return await new Promise((resolve, reject) => {
             worker.onmessage = event => resolve(event.data);
             worker.onerror = event => reject(event.message ?? 'no reason');
         })",
    );
    assert_eq!(answer, true);
    page.must_be_clean();
}

#[test]
fn a_page_that_cannot_start_says_why() {
    let mut page = Page::blank();
    page.cdp("Network.setBlockedURLs", json!({ "urls": ["*worker_bg.wasm"] }));
    page.go_to("");
    assert_eq!(page.state(), "failed");
    let says = page.text("#boot");
    assert!(
        says.starts_with("Stepscope could not start: worker_bg.wasm could not be fetched"),
        "{says}"
    );
}

#[test]
fn a_file_can_still_be_saved() {
    let page = Page::open();
    page.eval(
        "const link = document.createElement('a');
         link.href = URL.createObjectURL(new Blob(['a report']));
         link.download = 'report.txt';
         link.click()",
    );
    assert_eq!(page.downloaded("report.txt"), b"a report");
    page.must_be_clean();
}

fn bytes(reply: &Reply) -> Vec<u8> {
    wire::bytes_of(reply).expect("bytes")
}

#[test]
fn the_worker_answers_in_the_pages_protocol() {
    let trace = tempfile::Builder::new()
        .suffix(".json")
        .tempfile()
        .expect("a file");
    let event = r#"{"ph":"X","name":"execute","cat":"cpu_op","pid":1,"tid":1,"ts":1.5,"dur":2}"#;
    std::fs::write(trace.path(), format!(r#"{{"traceEvents":[{event}]}}"#)).expect("a trace written");
    let mut page = Page::blank();
    page.listen_to_workers();
    page.go_to("");
    page.choose_files(&[trace.path()]);
    page.wait_for("ready");
    let heard: Vec<_> = page.heard().iter().map(|bytes| wire::reply_of(bytes)).collect();
    assert_eq!(heard.first(), Some(&Ok(Reply::Ready { protocol: PROTOCOL })));
    assert!(heard.contains(&Ok(Reply::Loaded)), "{heard:?}");
    page.must_be_clean();
}

#[test]
fn a_worker_of_another_version_is_refused_and_a_reload_offered() {
    let mut page = Page::blank();
    // The worker's greeting, as another version would say it.
    let [ours, other] = [PROTOCOL, 99].map(|protocol| bytes(&Reply::Ready { protocol }));
    page.before_its_scripts(&format!(
        "window.Worker = class extends Worker {{
            constructor(...how) {{
                super(...how);
                this.addEventListener('message', ({{ data }}) => {{
                    if (String(data?.head) === String({ours:?})) data.head = new Uint8Array({other:?});
                }});
            }}
        }};",
    ));
    page.go_to("");
    page.click("button.sample");
    page.wait_for("failed");
    let says = page.text("body");
    assert!(
        says.contains("of different versions") && says.contains("Please reload the page"),
        "{says}"
    );
    // Whatever that worker goes on to say is not listened to.
    page.eval_async("await new Promise(done => setTimeout(done, 1500))");
    assert_eq!(page.state(), "failed");
    page.screenshot("other-version", Look::LAPTOP);
    page.eval("window.isOld = true");
    page.click(".trouble button");
    page.wait_until("the page is loaded again", || {
        page.eval("return window.isOld ?? null").is_null() && page.state() == "empty"
    });
}
