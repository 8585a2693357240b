//! The built page, used in a real browser.
//!
//! `cargo xtask test page e2e` builds the page and runs these tests; `cargo test -p stepscope-e2e NAME` runs
//! one of them on the page as it was built last.
//!
//! # To add a test
//! One file a topic in `tests/e2e/cases`, with a `mod` line in `cases/main.rs`; a test is a sentence:
//!
//! ```ignore
//! #[test]
//! fn a_trace_opens_from_the_dialog() {
//!     let page = Page::open();                               // idle, nothing open, network locked
//!     page.choose_files(&[&trace("small.json")]);
//!     page.wait_for("ready");                                // <html data-state="ready">
//!     assert_eq!(page.text("[data-test=n-steps]"), "406");
//!     page.screenshot("overview-dark", Look { dark: true, ..Look::LAPTOP });
//!     page.must_be_clean();                                  // no error in the console, no request
//! }
//! ```
//!
//! A `Page` has its own server, driver, browser and profile directory, and ends them when it is
//! dropped, in a panic too. Whatever goes wrong in here is a panic that says what was tried: this is test code.
//!
//! What the page promises: `<html data-state>` is `empty`, `loading`, `ready` or `failed`, and is set after
//! what it speaks of is on the screen. Wait for that, never for a time.
//!
//! `STEPSCOPE_ENGINE=firefox` or `webkit` takes another engine than Chromium. These have neither DevTools nor logs, so
//! nothing is known there of the console, and of requests only what reached the server; `cargo xtask test engines` leaves
//! out the tests that need more (xtask/src/engines.rs).

mod driver;
#[path = "../../skipped.rs"]
mod skipped;
mod webdriver;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fantoccini::actions::{
    Actions, InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MOUSE_BUTTON_RIGHT, MouseActions,
    PointerAction,
};
use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use xtask::engines::Engine;
use xtask::site::Site;
use xtask::{page, root};

use driver::Driver;
use webdriver::{Cdp, Log};

/// Nothing that a test waits for may take longer, on a busy machine with two cores.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width_px: u32,
    pub height_px: u32,
    pub dark: bool,
}

impl Look {
    pub const LAPTOP: Look = Look {
        width_px: 1280,
        height_px: 800,
        dark: false,
    };
    pub const PHONE: Look = Look {
        width_px: 390,
        height_px: 844,
        dark: false,
    };
}

/// The page in a browser of its own.
pub struct Page {
    // Dropped in this order, after the session was closed.
    client: Option<Client>,
    runtime: Runtime,
    driver: Driver,
    engine: Engine,
    /// In the order in which they were first seen: WebDriver promises none.
    windows: RefCell<Vec<WindowHandle>>,
    profile: tempfile::TempDir,
    site: Site,
    /// How many requests had reached the server when the page was up.
    asked_by_boot: usize,
}

impl Page {
    /// Opens the page and waits until it is up, with nothing loaded.
    pub fn open() -> Page {
        Page::open_at("")
    }

    /// Opens the page with something behind its address, `#view=steps` say.
    pub fn open_at(tail: &str) -> Page {
        let mut page = Page::blank();
        page.go_to(tail);
        page.wait_for("empty");
        page
    }

    /// A browser and a server, and no page yet.
    pub fn blank() -> Page {
        page::must_be_built().unwrap_or_else(|why| panic!("{why}"));
        Page::serving(&page::dist())
    }

    /// As [`Page::blank`], for another site than the built page.
    pub fn serving(dir: &Path) -> Page {
        let engine = Engine::chosen().unwrap_or_else(|why| panic!("{why}"));
        let browser = engine
            .find()
            .unwrap_or_else(|| panic!("no {engine:?} or no driver of it: `cargo xtask test` installs them"));
        let site = Site::serve(dir, 0).expect("a server on a free port");
        let profile = tempfile::tempdir().expect("a directory for the browser's profile");
        let driver = Driver::start(engine, &browser.driver, profile.path());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let capabilities = webdriver::capabilities(engine, &browser.program, profile.path());
        let client = runtime.block_on(webdriver::connect(&driver.url(), capabilities));
        let client = client.unwrap_or_else(|why| panic!("{engine:?} does not start: {why}"));
        Page {
            client: Some(client),
            runtime,
            driver,
            engine,
            windows: RefCell::default(),
            profile,
            site,
            asked_by_boot: 0,
        }
    }

    /// From the next [`Page::go_to`] on, runs this in the page before its own scripts.
    pub fn before_its_scripts(&self, source: &str) {
        self.cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": source }),
        );
    }

    /// From the next [`Page::go_to`] on, keeps what the page's workers say; see [`Page::heard`].
    pub fn listen_to_workers(&self) {
        let source = "
            window.heard = [];
            window.Worker = class extends Worker {
                constructor(...how) {
                    super(...how);
                    this.addEventListener('message', event => heard.push([...event.data?.head ?? []]));
                    this.addEventListener('error', event => heard.push([]));
                }
            };";
        self.before_its_scripts(source);
    }

    /// What the workers said so far: the bytes of each message's head, none of an error.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        serde_json::from_value(self.eval("return heard")).expect("listen_to_workers() first")
    }

    /// Loads the page and waits until it says that it is up, or has failed.
    pub fn go_to(&mut self, tail: &str) {
        self.go_to_address(&format!("{}{tail}", self.site.url()));
    }

    /// As [`Page::go_to`], for the page as it lies on this machine's disk.
    pub fn go_to_file(&mut self, file: &Path, tail: &str) {
        self.go_to_address(&format!("file://{}{tail}", file.display()));
    }

    /// Goes to something of the site that is not the page, and waits for nothing.
    pub fn go_to_plain(&self, path: &str) {
        let url = format!("{}{path}", self.site.url());
        self.run("go there", self.client().goto(&url));
    }

    fn go_to_address(&mut self, url: &str) {
        self.look(Look::LAPTOP);
        self.run("open the page", self.client().goto(url));
        self.wait_until("the page is up", || {
            ["empty", "ready", "failed"].contains(&&*self.state())
        });
        // The service worker's fetching of the offline copy belongs to the start, too.
        self.wait_until("the offline copy is there, or is not to be", || {
            self.offline() != "fetching"
        });
        self.asked_by_boot = self.site.asked().len();
        // What was logged while it started is the start's; later calls give what came after.
        self.network_log();
    }

    /// The site's address under another name of this machine: `127.0.0.1`, or `stranger.test`, which is no loopback
    /// address to a page.
    pub fn url_as(&self, host: &str) -> String {
        self.site.url().replacen("localhost", host, 1)
    }

    /// Loads any page, and does not wait for what it says of itself.
    pub fn load(&self, url: &str) {
        self.look(Look::LAPTOP);
        self.run(&format!("open {url}"), self.client().goto(url));
    }

    /// Goes on in the window that was opened as `nth`, 0 for the first, and waits until it is there.
    pub fn in_window(&self, nth: usize) {
        self.wait_until(&format!("there is a window {nth}"), || self.n_windows() > nth);
        let window = self.windows.borrow()[nth].clone();
        self.run("change windows", self.client().switch_to_window(window));
    }

    /// How many windows there are.
    pub fn n_windows(&self) -> usize {
        let there = self.run("list windows", self.client().windows());
        let mut known = self.windows.borrow_mut();
        known.retain(|window| there.contains(window));
        let new = there
            .into_iter()
            .filter(|window| !known.contains(window))
            .collect::<Vec<_>>();
        known.extend(new);
        known.len()
    }

    /// Goes on in a frame of the page.
    pub fn in_frame(&self, css: &str) {
        let frame = self.run(&format!("find {css}"), self.client().find(Locator::Css(css)));
        self.run(&format!("enter {css}"), frame.enter_frame());
    }

    /// Goes on in the page around the frame.
    pub fn out_of_frame(&self) {
        self.run("leave the frame", self.client().enter_parent_frame());
    }

    /// `data-state` of the root element; empty if it has none.
    pub fn state(&self) -> String {
        self.eval("return document.documentElement.dataset.state ?? ''")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `data-offline` of the root element, see www/boot.js; empty if the page has not come so far.
    pub fn offline(&self) -> String {
        self.eval("return document.documentElement.dataset.offline ?? ''")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Every request that reached the server, in order of arrival.
    pub fn asked(&self) -> Vec<String> {
        self.site.asked()
    }

    /// Where the page's server is.
    pub fn origin(&self) -> String {
        self.site.url()
    }

    /// From now on the server does not answer: it hangs up on every request.
    pub fn unplug(&self) {
        self.site.unplug();
    }

    /// Waits until the page is in this state. Panics with the page's text if it fails first.
    pub fn wait_for(&self, state: &str) {
        self.wait_until(&format!("the page is {state:?}"), || {
            let now = self.state();
            assert!(
                now != "failed" || state == "failed",
                "the page failed and says: {}",
                self.text("body")
            );
            now == state
        });
    }

    /// Waits until it is so. `what` completes "it did not happen that …".
    pub fn wait_until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let step = Duration::from_millis(25);
        let mut waited = Duration::ZERO;
        while !so() {
            assert!(
                waited < PATIENCE,
                "it did not happen that {what}; the page says: {}",
                self.text("body")
            );
            thread::sleep(step);
            waited += step;
        }
    }

    /// Chooses files in the page's file dialog (its first `<input type=file>`).
    pub fn choose_files(&self, files: &[&Path]) {
        self.choose_in("input[type=file]", files);
    }

    /// Chooses files, or a folder, in the file dialog of one input.
    pub fn choose_in(&self, css: &str, files: &[&Path]) {
        let paths: Vec<String> = files
            .iter()
            .map(|file| {
                file.canonicalize()
                    .unwrap_or_else(|why| panic!("{}: {why}", file.display()))
            })
            .map(|file| file.to_str().expect("a path in UTF-8").to_owned())
            .collect();
        let input = self.run("find the file input", self.client().find(Locator::Css(css)));
        self.run("choose files", input.send_keys(&paths.join("\n")));
    }

    /// Drops a file on the page, as from a file manager.
    pub fn drop_file(&self, file: &Path) {
        // Only a file dialog gives a script a file of the disk, so one is put up for a moment.
        self.eval(
            "const input = document.createElement('input');
             Object.assign(input, { type: 'file', id: 'e2e-drop' });
             document.body.append(input)",
        );
        let file = file
            .canonicalize()
            .unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let input = self.run(
            "find the drop's input",
            self.client().find(Locator::Id("e2e-drop")),
        );
        self.run(
            "choose what to drop",
            input.send_keys(file.to_str().expect("a path in UTF-8")),
        );
        self.eval(
            "const input = document.getElementById('e2e-drop');
             const dataTransfer = new DataTransfer();
             dataTransfer.items.add(input.files[0]);
             input.remove();
             for (const kind of ['dragenter', 'dragover', 'drop']) {
                 const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
                 document.body.dispatchEvent(event);
             }",
        );
    }

    /// Waits until the page has saved a file of this name, and gives what is in it.
    pub fn downloaded(&self, name: &str) -> Vec<u8> {
        let file = webdriver::downloads(self.profile.path()).join(name);
        // Chromium writes NAME.crdownload and renames it when it is whole; Firefox makes an empty NAME beside NAME.part.
        self.wait_until(&format!("{name} was downloaded"), || {
            std::fs::metadata(&file).is_ok_and(|file| file.len() > 0)
        });
        std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
    }

    /// Names of the files that the page has saved so far.
    pub fn saved(&self) -> Vec<String> {
        let entries = std::fs::read_dir(webdriver::downloads(self.profile.path()));
        entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with(".crdownload") && !name.ends_with(".part"))
            .collect()
    }

    /// The visible text of the first element that matches.
    pub fn text(&self, css: &str) -> String {
        let found = self.eval_with(
            "return document.querySelector(arguments[0])?.innerText",
            vec![json!(css)],
        );
        found
            .as_str()
            .unwrap_or_else(|| panic!("there is no {css}"))
            .trim()
            .to_owned()
    }

    /// How many elements match.
    pub fn count(&self, css: &str) -> u64 {
        let found = self.eval_with(
            "return document.querySelectorAll(arguments[0]).length",
            vec![json!(css)],
        );
        found.as_u64().expect("a length")
    }

    /// Clicks the first element that matches, as a person would: it must be visible and not covered.
    pub fn click(&self, css: &str) {
        let element = self.run(&format!("find {css}"), self.client().find(Locator::Css(css)));
        self.run(&format!("click {css}"), element.click());
    }

    /// Types into whatever has the focus. For special keys see [`key`].
    pub fn press(&self, keys: &str) {
        let element = self.run("find what has the focus", self.client().active_element());
        self.run(&format!("press {keys:?}"), element.send_keys(keys));
    }

    /// Presses the tab key, whatever has the focus.
    pub fn press_tab(&self) {
        let value = key(Key::Tab).chars().next().expect("a key");
        let keys = KeyActions::new("keys".into())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.run("press Tab", self.client().perform_actions(keys));
    }

    /// Moves the mouse there, in pixels from the view's upper left corner.
    pub fn point_at(&self, x: f64, y: f64) {
        let mouse = MouseActions::new("mouse".into()).then(moved(x, y, Duration::ZERO));
        self.run("move the mouse", self.client().perform_actions(mouse));
    }

    /// Moves the mouse there and clicks.
    pub fn click_at(&self, x: f64, y: f64) {
        self.clicks_at(x, y, MOUSE_BUTTON_LEFT, 1);
    }

    /// Moves the mouse there and clicks twice.
    pub fn double_click_at(&self, x: f64, y: f64) {
        self.clicks_at(x, y, MOUSE_BUTTON_LEFT, 2);
    }

    /// Moves the mouse there and clicks with the button of menus.
    pub fn right_click_at(&self, x: f64, y: f64) {
        self.clicks_at(x, y, MOUSE_BUTTON_RIGHT, 1);
    }

    fn clicks_at(&self, x: f64, y: f64, button: u64, times: usize) {
        let mouse = MouseActions::new("mouse".into()).then(moved(x, y, Duration::ZERO));
        let mouse = (0..times).fold(mouse, |mouse, _| {
            mouse
                .then(PointerAction::Down { button })
                .then(PointerAction::Up { button })
        });
        self.run("click there", self.client().perform_actions(mouse));
    }

    /// Drags the mouse from one place to another while the shift key is held.
    pub fn drag_with_shift(&self, from: (f64, f64), to: (f64, f64)) {
        let value = key(Key::Shift).chars().next().expect("a key");
        let pause = KeyAction::Pause {
            duration: Duration::ZERO,
        };
        // One tick a line: what both do in it is done before the next begins.
        let keys = KeyActions::new("keys".into())
            .then(KeyAction::Down { value })
            .then(pause.clone())
            .then(pause.clone())
            .then(pause)
            .then(KeyAction::Up { value });
        let mouse = MouseActions::new("mouse".into())
            .then(moved(from.0, from.1, Duration::ZERO))
            .then(PointerAction::Down {
                button: MOUSE_BUTTON_LEFT,
            })
            .then(moved(to.0, to.1, Duration::from_millis(50)))
            .then(PointerAction::Up {
                button: MOUSE_BUTTON_LEFT,
            });
        let both = Actions::from(keys).and(mouse);
        self.run("drag with shift", self.client().perform_actions(both));
    }

    /// The value of a script's `return`.
    pub fn eval(&self, script: &str) -> Value {
        self.eval_with(script, Vec::new())
    }

    /// As [`Page::eval`]; the script finds `arguments[0]`, ….
    pub fn eval_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.run(&format!("run {script}"), self.client().execute(script, arguments))
    }

    /// The value that an async function's body returns, or `{"rejected": "…"}`.
    pub fn eval_async(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then(done, why => done({{ rejected: String(why) }}));"
        );
        self.run(
            &format!("run {body}"),
            self.client().execute_async(&script, Vec::new()),
        )
    }

    /// Processor time of this page's browser so far, ms; `None` where the system does not tell.
    pub fn cpu_ms(&self) -> Option<f64> {
        self.driver.browser_cpu_ms()
    }

    /// Memory that the browser's processes hold for themselves, in bytes, after the page's garbage is collected.
    pub fn bytes(&self) -> Option<u64> {
        if self.engine == Engine::Chromium {
            self.cdp("HeapProfiler.collectGarbage", json!({}));
        }
        self.driver.browser_bytes()
    }

    /// Sets the size of the view and the colour scheme that the reader prefers. Elsewhere than in Chromium it is the
    /// window's size, which has a least width, and the scheme stays.
    pub fn look(&self, look: Look) {
        let Look {
            width_px,
            height_px,
            dark,
        } = look;
        if self.engine != Engine::Chromium {
            let around = self.eval("return [outerWidth - innerWidth, outerHeight - innerHeight]");
            let around = |i: usize| {
                around[i]
                    .as_u64()
                    .and_then(|px| u32::try_from(px).ok())
                    .unwrap_or(0)
            };
            let size = self
                .client()
                .set_window_size(width_px + around(0), height_px + around(1));
            self.run("set the window's size", size);
            return;
        }
        let scheme = if dark { "dark" } else { "light" };
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": false }),
        );
        self.cdp(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// Saves what is seen with this look as `target/e2e/NAME.png`, and keeps the look.
    pub fn screenshot(&self, name: &str, look: Look) -> PathBuf {
        self.look(look);
        // Two frames: one lays out with the new size, the next has painted it.
        self.eval_async("for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame)");
        let png = self.run("take a screenshot", self.client().screenshot());
        let dir = root().join("target/e2e");
        std::fs::create_dir_all(&dir).expect("target/e2e");
        let file = dir.join(format!("{name}.png"));
        std::fs::write(&file, png).expect("a screenshot saved");
        file
    }

    /// Errors that the console shows since the last call, broken policies among them.
    pub fn console_errors(&self) -> Vec<String> {
        let entries = self.log("browser");
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What asked the network for something since the page was up: requests that the browser began (of page
    /// and workers, blocked ones left out) and those that reached the server.
    pub fn requests_since_boot(&self) -> Vec<String> {
        let mut requests = self.network_log();
        let since = self.site.asked().into_iter().skip(self.asked_by_boot);
        // The browser itself looks, at times of its own, whether there is a newer one; no page chooses that address.
        requests.extend(since.filter(|request| request != "GET /sw.js"));
        requests
    }

    /// No error in the console, and no request since the page was up.
    pub fn must_be_clean(&self) {
        assert_eq!(self.console_errors(), [""; 0], "errors in the console");
        assert_eq!(
            self.requests_since_boot(),
            [""; 0],
            "requests since the page was up"
        );
    }

    /// One command of the Chrome DevTools Protocol, which only Chromium has.
    pub fn cdp(&self, method: &str, parameters: Value) -> Value {
        assert!(
            self.engine == Engine::Chromium,
            "{method} is Chromium's, and this is {:?}",
            self.engine
        );
        self.run(method, self.client().issue_cmd(Cdp::new(method, parameters)))
    }

    fn network_log(&self) -> Vec<String> {
        let entries = self.log("performance");
        let mut began = Vec::new();
        for entry in &entries {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or_default())
                .expect("a log entry in JSON");
            let message = &message["message"];
            let parameters = &message["params"];
            match message["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    // blob: and data: are the page's own memory.
                    if !url.starts_with("blob:") && !url.starts_with("data:") {
                        began.push((parameters["requestId"].clone(), url.to_owned()));
                    }
                }
                Some("Network.loadingFailed") if !parameters["blockedReason"].is_null() => {
                    began.retain(|(id, _)| *id != parameters["requestId"]);
                }
                _ => {}
            }
        }
        began.into_iter().map(|(_, url)| url).collect()
    }

    fn log(&self, kind: &'static str) -> Vec<Value> {
        if self.engine != Engine::Chromium {
            return Vec::new();
        }
        let entries = self.run("read the log", self.client().issue_cmd(Log(kind)));
        entries.as_array().cloned().unwrap_or_default()
    }

    fn client(&self) -> &Client {
        self.client
            .as_ref()
            .expect("the session lasts as long as the page")
    }

    /// Does it, or says what could not be done and why.
    fn run<T, E: std::fmt::Display>(&self, what: &str, doing: impl Future<Output = Result<T, E>>) -> T {
        self.runtime
            .block_on(doing)
            .unwrap_or_else(|why| panic!("could not {what}: {why}"))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            if thread::panicking() {
                let shot = self.runtime.block_on(client.screenshot());
                let name = thread::current().name().unwrap_or("test").replace("::", "-");
                let file = root().join(format!("target/e2e/failed-{name}.png"));
                if let (Ok(png), Ok(())) = (shot, std::fs::create_dir_all(root().join("target/e2e")))
                    && std::fs::write(&file, png).is_ok()
                {
                    eprintln!("what the page showed: {}", file.display());
                }
            }
            // Ends the browser; the driver's own end does so as well, should this fail.
            let _ = self.runtime.block_on(client.close());
        }
    }
}

fn moved(x: f64, y: f64, duration: Duration) -> PointerAction {
    PointerAction::MoveTo {
        duration: Some(duration),
        x,
        y,
    }
}

/// The text that [`Page::press`] takes for a special key.
pub fn key(key: Key) -> String {
    char::from(key).to_string()
}

/// A file of the corpus, `$STEPSCOPE_CORPUS` or `../shared/traces`; `None`, loudly, if it is not there.
pub fn corpus(file: &str) -> Option<PathBuf> {
    let place = std::env::var_os("STEPSCOPE_CORPUS").map(PathBuf::from);
    let path = place
        .unwrap_or_else(|| root().join("../shared/traces"))
        .join(file);
    if path.exists() {
        return Some(path);
    }
    skipped::skipped(&format!(
        "there is no {} (STEPSCOPE_CORPUS names the corpus)",
        path.display()
    ));
    None
}
