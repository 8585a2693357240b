//! The offline copy: whole, of one version, replaced when the reader says so; and what comes with being installed.

use std::fs;
use std::path::Path;

use stepscope_e2e::{Look, Page};
use tempfile::TempDir;
use xtask::{pack, page};

use crate::opening::{ONE_EVENT, file};
use crate::real::name;

/// What is asked for at the first visit: by the page, and once more by the service worker, which checks each file.
pub const FIRST_VISIT: [&str; 15] = [
    "GET /",
    "GET /",
    "GET /app_bg.wasm",
    "GET /app_bg.wasm",
    "GET /boot.js",
    "GET /boot.js",
    "GET /receiver.js",
    "GET /receiver.js",
    "GET /style.css",
    "GET /style.css",
    "GET /sw.js",
    "GET /worker.js",
    "GET /worker.js",
    "GET /worker_bg.wasm",
    "GET /worker_bg.wasm",
];

/// A copy of the built page, in this folder of a new directory.
fn copied(folder: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let to = place.path().join(folder);
    fs::create_dir_all(&to).expect("a folder");
    for entry in fs::read_dir(page::dist()).expect("the built page").flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a file copied");
        }
    }
    place
}

fn change(file: &Path, how: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(file).expect("a file of the page");
    fs::write(file, how(text)).expect("a file changed");
}

/// Makes another version of the page, in which every file says that it is the second.
fn second_version(dir: &Path) {
    change(&dir.join("index.html"), |html| {
        html.replacen("<html ", "<html data-index=\"second\" ", 1)
    });
    change(&dir.join("style.css"), |css| {
        css + ":root { --version: second; }\n"
    });
    change(&dir.join("boot.js"), |js| {
        format!("document.documentElement.dataset.boot = \"second\";\n{js}")
    });
    change(&dir.join("worker.js"), |js| format!("// second\n{js}"));
    for module in ["app_bg.wasm", "worker_bg.wasm"] {
        let mut bytes = fs::read(dir.join(module)).expect("a module");
        // A custom section: 0, its length, its name's length, its name.
        bytes.extend_from_slice(b"\0\x07\x06second");
        fs::write(dir.join(module), bytes).expect("a module changed");
    }
    pack::pack(dir).expect("a second version");
}

/// Keeps, for each file that the page fetches, whether it is of the second version.
const WATCH: &str = "
    window.second = {};
    const real = window.fetch;
    window.fetch = async (name, how) => {
        const response = await real(name, how);
        const bytes = new Uint8Array(await response.clone().arrayBuffer());
        second[name] = new TextDecoder('latin1').decode(bytes).includes('second\\n') ||
            new TextDecoder('latin1').decode(bytes.slice(-6)) === 'second';
        return response;
    };";

/// Which of the page's files are of the second version.
fn second(page: &Page) -> Vec<String> {
    let found = page.eval(
        "const root = document.documentElement;
         const all = { ...second, index: root.dataset.index === 'second', boot: root.dataset.boot === 'second',
             style: getComputedStyle(root).getPropertyValue('--version').trim() === 'second' };
         return Object.keys(all).sort().map(name => `${name} ${all[name]}`)",
    );
    let found = found.as_array().expect("a list").iter();
    found
        .map(|one| one.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn all_of(second: bool) -> Vec<String> {
    [
        "app_bg.wasm",
        "boot",
        "index",
        "style",
        "worker.js",
        "worker_bg.wasm",
    ]
    .map(|name| format!("{name} {second}"))
    .to_vec()
}

#[test]
fn the_page_starts_and_opens_a_trace_without_a_network() {
    let mut page = Page::open();
    assert_eq!(page.offline(), "ready");
    let mut asked = page.asked();
    asked.sort();
    assert_eq!(asked, FIRST_VISIT);
    page.unplug();
    page.go_to("");
    page.wait_for("empty");
    assert_eq!(page.offline(), "ready");
    let trace = file(ONE_EVENT);
    page.choose_files(&[trace.path()]);
    page.wait_for("ready");
    assert!(page.text("body").contains(name(trace.path())));
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn an_update_waits_for_the_reader_and_versions_do_not_mix() {
    let site = copied("");
    let mut page = Page::serving(site.path());
    page.before_its_scripts(WATCH);
    page.go_to("");
    assert_eq!(page.offline(), "ready");
    assert_eq!(second(&page), all_of(false));

    second_version(site.path());
    page.go_to("?again");
    assert_eq!(second(&page), all_of(false), "the copy, not the server");
    page.click("button.sample");
    page.wait_for("ready");
    page.wait_until("the new version is offered", || page.offline() == "update");
    page.wait_until("the notice is shown", || page.count("[data-test=update]") == 1);
    page.screenshot("update-light", Look::LAPTOP);
    page.screenshot(
        "update-dark",
        Look {
            dark: true,
            ..Look::LAPTOP
        },
    );
    page.screenshot("update-phone", Look::PHONE);
    assert_eq!(page.state(), "ready", "the open trace stays");
    page.look(Look::LAPTOP);

    page.click("[data-test=update] button");
    page.wait_until("the new version runs", || {
        page.state() == "empty"
            && page.eval("return document.documentElement.dataset.index ?? ''") == "second"
    });
    assert_eq!(second(&page), all_of(true));
    page.wait_until("it is kept", || page.offline() == "ready");
    page.click("button.sample");
    page.wait_for("ready");
    assert_eq!(page.console_errors(), [""; 0]);
    page.go_to_plain("nothing");
    let copies = page.eval_async("return (await caches.keys()).length");
    assert_eq!(copies, 1, "the old copy is gone");
}

#[test]
fn a_site_of_two_versions_does_not_start_and_says_so() {
    let site = copied("");
    change(&site.path().join("worker.js"), |js| format!("// second\n{js}"));
    let mut page = Page::serving(site.path());
    page.go_to("");
    assert_eq!(page.state(), "failed");
    let says = page.text("#boot");
    assert!(
        says.contains("worker.js could not be fetched") && says.contains("of another version"),
        "{says}"
    );
    let workers = page.eval_async("return (await navigator.serviceWorker.getRegistrations()).length");
    assert_eq!(workers, 0, "and is not kept");
}

#[test]
fn an_update_of_which_a_file_is_wrong_leaves_the_old_copy_at_work() {
    let site = copied("");
    let mut page = Page::serving(site.path());
    page.before_its_scripts(WATCH);
    page.go_to("");
    second_version(site.path());
    change(&site.path().join("worker.js"), |js| format!("// third\n{js}"));
    page.go_to("?again");
    page.wait_until("the update was tried", || {
        page.asked().iter().filter(|one| *one == "GET /worker.js").count() >= 4
    });
    page.unplug();
    page.go_to("?and-again");
    page.wait_for("empty");
    assert_eq!(second(&page), all_of(false));
    assert_eq!(page.offline(), "ready");
}

#[test]
fn a_folder_of_a_site_is_all_it_needs() {
    let site = copied("a/b");
    let mut page = Page::serving(site.path());
    page.go_to("a/b/#view=overview");
    page.wait_for("empty");
    assert_eq!(page.offline(), "ready");
    let trace = file(ONE_EVENT);
    page.choose_files(&[trace.path()]);
    page.wait_for("ready");
    page.must_be_clean();
    let asked = page.asked();
    assert_eq!(asked.len(), FIRST_VISIT.len());
    assert!(asked.iter().all(|one| one.starts_with("GET /a/b/")), "{asked:?}");
    page.unplug();
    page.go_to("a/b/?again");
    page.wait_for("empty");
    page.choose_files(&[trace.path()]);
    page.wait_for("ready");
}

#[test]
fn the_address_can_ask_for_the_network() {
    let mut page = Page::open();
    let before = page.asked().len();
    page.go_to("?nosw");
    page.wait_for("empty");
    assert_eq!(page.offline(), "none");
    let mut asked: Vec<String> = page.asked().into_iter().skip(before).collect();
    asked.retain(|one| one != "GET /sw.js");
    asked.sort();
    let all = [
        "/?nosw",
        "/app_bg.wasm",
        "/boot.js",
        "/receiver.js",
        "/style.css",
        "/worker.js",
        "/worker_bg.wasm",
    ];
    assert_eq!(asked, all.map(|path| format!("GET {path}")));
}

#[test]
fn the_copy_is_forgotten_on_request() {
    let page = Page::open();
    page.press("?");
    page.wait_until("the help says so", || {
        page.count("[data-test=offline]") == 1
            && page
                .text("[data-test=offline]")
                .contains("is kept in the browser")
    });
    page.eval("document.querySelector('[data-test=offline]').scrollIntoView()");
    page.screenshot("help-offline", Look::LAPTOP);
    page.click("[data-test=offline] button");
    page.wait_until("the help says that it is forgotten", || {
        page.text("[data-test=offline]").contains("it was forgotten")
    });
    page.must_be_clean();
    page.go_to_plain("nothing");
    let left = page.eval_async(
        "return (await caches.keys()).length + (await navigator.serviceWorker.getRegistrations()).length",
    );
    assert_eq!(left, 0);
}

#[test]
fn files_that_the_system_opens_with_the_app_are_opened() {
    // A browser without an installed app has an empty queue; this one is ours.
    let mut page = Page::blank();
    page.before_its_scripts(
        "Object.defineProperty(window, 'launchQueue', { value: { setConsumer(told) { window.launch = told; } } });",
    );
    page.go_to("");
    page.eval_with(
        "const file = new File([arguments[0]], 'launched.json');
         launch({ files: [{ getFile: async () => file }] })",
        vec![ONE_EVENT.into()],
    );
    page.wait_for("ready");
    assert!(page.text("body").contains("launched.json"));
    page.must_be_clean();
}

#[test]
fn a_file_that_is_shared_with_the_app_is_opened_once() {
    let mut page = Page::open();
    // The system posts a form, and the browser goes where the answer leads. The form is posted by a script here: a
    // headless browser does not let the service worker read the files of a form that it submits itself.
    page.go_to_plain("nothing");
    let answer = page.eval_async(&format!(
        "const form = new FormData();
         form.append('trace', new File([{ONE_EVENT:?}], 'shäred 1.json'));
         const answer = await fetch('share', {{ method: 'POST', body: form }});
         return answer.ok && (await caches.keys()).filter(name => name.endsWith(' shared')).length"
    ));
    assert_eq!(answer, 1, "it is kept, and the answer leads to the page");
    page.go_to("?shared#view=gaps");
    // Any site can send such a form.
    page.wait_until("the reader is asked", || {
        page.text("dialog.ask").contains("shäred 1.json")
    });
    assert_eq!(page.state(), "empty", "nothing is opened unasked");
    page.screenshot("shared-file", Look::LAPTOP);
    page.click("dialog.ask button:last-child");
    page.wait_until("the shared file is open", || page.state() == "ready");
    assert!(page.text("body").contains("shäred 1.json"));
    assert!(
        page.asked().iter().all(|one| !one.starts_with("POST")),
        "it went to nobody: {:?}",
        page.asked()
    );
    assert_eq!(page.eval("return location.search + location.hash"), "#view=gaps");
    page.go_to_plain("nothing");
    assert_eq!(page.eval_async("return (await caches.keys()).length"), 1);
    page.go_to("?again");
    page.wait_for("empty");
    assert_eq!(page.count("dialog.ask"), 0, "it is asked about once");
}

/// As where the browser does not let the service worker read the form.
#[test]
fn a_file_that_was_shared_and_did_not_come_is_missed() {
    let mut page = Page::open();
    page.go_to_plain("nothing");
    let answer = page.eval_async(
        "const answer = await fetch('share', { method: 'POST', body: 'no form' });
         return answer.status",
    );
    assert_eq!(answer, 200, "the answer leads to the page");
    page.go_to("?shared");
    page.wait_until("it says so", || {
        page.text("[role=alert]").contains("did not hand over the file")
    });
    assert_eq!(page.state(), "empty");
    page.go_to("?again");
    page.wait_for("empty");
    assert_eq!(
        page.eval("return document.querySelectorAll('[role=alert]').length"),
        0
    );
}

#[test]
fn the_manifest_can_be_installed() {
    let page = Page::open();
    page.go_to_plain("install.html");
    let manifest = page.cdp("Page.getAppManifest", serde_json::json!({}));
    assert_eq!(manifest["errors"], serde_json::json!([]), "{manifest}");
    let data: serde_json::Value =
        serde_json::from_str(manifest["data"].as_str().unwrap_or_default()).expect("a manifest");
    assert_eq!(data["name"], "Stepscope");
    let why_not = page.cdp("Page.getInstallabilityErrors", serde_json::json!({}));
    assert_eq!(
        why_not["installabilityErrors"],
        serde_json::json!([]),
        "{why_not}"
    );
    page.screenshot("install", Look::LAPTOP);
    assert_eq!(page.console_errors(), [""; 0]);
}
