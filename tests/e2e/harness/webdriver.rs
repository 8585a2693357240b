//! The session, in each engine, and what chromedriver knows beyond WebDriver.

use std::path::{Path, PathBuf};

use fantoccini::error::NewSessionError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::Url;
use xtask::engines::Engine;

pub async fn connect(url: &str, capabilities: Capabilities) -> Result<Client, NewSessionError> {
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(url)
        .await
}

/// Quiet (a browser that updates itself would spoil the count of requests), and where that can be had headless and with
/// all logs. `dir`: where the profile and what is downloaded go.
pub fn capabilities(engine: Engine, browser: &Path, dir: &Path) -> Capabilities {
    let mut all = match engine {
        Engine::Chromium => chromium(browser, dir),
        Engine::Firefox => firefox(browser, dir),
        // A window of its own, so it needs a display (Xvfb).
        Engine::WebKit => json!({
            "webkitgtk:browserOptions": { "binary": browser, "args": ["--automation"] },
        }),
    };
    // Of a script that is waited for, ms: the benchmark opens files of several GB in one. The default is 30 s.
    all["timeouts"] = json!({ "script": 900_000 });
    all.as_object().cloned().unwrap_or_default()
}

fn firefox(browser: &Path, dir: &Path) -> Value {
    let downloads = downloads(dir);
    std::fs::create_dir_all(&downloads).expect("a directory for downloads");
    json!({
        "moz:firefoxOptions": {
            "binary": browser,
            "args": ["-headless"],
            "prefs": {
                "browser.download.folderList": 2,
                "browser.download.dir": downloads,
                "browser.download.alwaysOpenPanel": false,
                // As --host-resolver-rules for Chromium.
                "network.dns.localDomains": "stranger.test",
                "dom.disable_open_during_load": false,
            },
        },
    })
}

fn chromium(browser: &Path, dir: &Path) -> Value {
    let args = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A container's /dev/shm is often 64 MB.
        "--disable-dev-shm-usage",
        // Another site on this machine, which no page trusts as it would a loopback address.
        "--host-resolver-rules=MAP *.test 127.0.0.1",
        &format!("--user-data-dir={}", dir.join("profile").display()),
    ];
    let prefs =
        json!({ "download.default_directory": downloads(dir), "download.prompt_for_download": false });
    json!({
        "goog:chromeOptions": { "binary": browser, "args": args, "prefs": prefs },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

/// Where the browser saves to.
pub fn downloads(dir: &Path) -> PathBuf {
    dir.join("downloads")
}

/// A command of the Chrome DevTools Protocol.
#[derive(Debug)]
pub struct Cdp(Value);

impl Cdp {
    pub fn new(method: &str, parameters: Value) -> Cdp {
        Cdp(json!({ "cmd": method, "params": parameters }))
    }
}

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base_url.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

/// What was logged (`browser` or `performance`) since it was last asked for.
#[derive(Debug)]
pub struct Log(pub &'static str);

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": self.0 }).to_string()))
    }
}
