//! Memory is given back: when a file is closed by the next one, and when loading is given up.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use stepscope::synth::{self, Options, Target};
use stepscope_e2e::Page;
use tempfile::NamedTempFile;

pub fn trace(bytes: u64) -> NamedTempFile {
    let options = Options {
        target: Target::Bytes(bytes),
        ..Options::sample()
    };
    let mut file = tempfile::Builder::new()
        .prefix("synth-")
        .suffix(".pt.trace.json")
        .tempfile()
        .expect("a file");
    for chunk in synth::chunks(&options) {
        file.write_all(&chunk).expect("a file written");
    }
    file
}

/// Waits until memory is below `bytes`: an ended worker's is given back by and by. Gives what it was at last.
fn settles_below(page: &Page, bytes: u64) -> u64 {
    let mut now = 0;
    for _ in 0..40 {
        now = page.bytes().expect("memory of the browser's processes");
        if now < bytes {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    now
}

const MB: u64 = 1_000_000;

/// Counts how often the page has become ready: it is ready already when the next file is chosen.
fn count_opened(page: &Page) {
    page.eval(
        "window.opened = 0;
         new MutationObserver(() => opened += document.documentElement.dataset.state === 'ready')
             .observe(document.documentElement, { attributeFilter: ['data-state'] })",
    );
}

fn open(page: &Page, file: &Path) {
    let opened = || page.eval("return opened").as_u64();
    let before = opened();
    page.choose_files(&[file]);
    page.wait_until("the file is open", || opened() > before);
}

/// A worker that stayed would hold 10 MB and more: forty of them, 400 MB.
#[test]
fn fifty_files_one_after_the_other_hold_no_more_than_ten() {
    if !Path::new("/proc/self/statm").exists() {
        println!("skipped: memory of processes is read from /proc");
        return;
    }
    let file = trace(4 * MB);
    let page = Page::open();
    count_opened(&page);
    (0..10).for_each(|_| open(&page, file.path()));
    let ten = page.bytes().expect("memory of the browser's processes");
    (0..40).for_each(|_| open(&page, file.path()));
    let fifty = settles_below(&page, ten + 100 * MB);
    assert!(
        fifty < ten + 100 * MB,
        "{} MB after ten files, {} MB after fifty",
        ten / MB,
        fifty / MB
    );
    page.must_be_clean();
}

#[test]
fn loading_can_be_given_up_at_any_time() {
    let (large, small) = (trace(120 * MB), trace(2 * MB));
    let page = Page::open();
    count_opened(&page);
    let mut given_up = 0;
    for after_ms in [0, 30, 100, 200, 400, 700, 1_000, 1_500, 2_500] {
        page.choose_files(&[large.path()]);
        std::thread::sleep(Duration::from_millis(after_ms));
        let clicked = page.eval(
            "const cancel = document.querySelector('.loading button'); cancel?.click(); return Boolean(cancel)",
        );
        if clicked == true {
            page.wait_for("empty");
            given_up += 1;
        } else {
            page.wait_for("ready");
        }
        page.choose_files(&[small.path()]);
        page.wait_for("ready");
        assert!(
            page.text("header")
                .contains(&*small.path().file_name().unwrap().to_string_lossy())
        );
    }
    assert!(given_up >= 3, "given up {given_up} times");
    page.must_be_clean();
}
