//! One page, many files, one after the other: each is shown or refused with the engine's own words.

use std::path::{Path, PathBuf};

use stepscope::base::show;
use stepscope_e2e::{Page, corpus};

use crate::real::{name, opened, table};

fn files(under: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if name(&path).ends_with(".json") || name(&path).ends_with(".gz") {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    if let Some(root) = corpus(under) {
        walk(&root, &mut out);
    }
    out.sort();
    out
}

/// Opens a file and gives the state that the page ends in, however fast it passes through the others.
fn open(page: &Page, file: &Path) -> String {
    page.eval("window.states = []");
    page.choose_files(&[file]);
    let last = || page.eval("return states.at(-1) ?? ''");
    page.wait_until(&format!("{} is shown or refused", file.display()), || {
        ["ready", "failed"].contains(&last().as_str().unwrap_or_default())
    });
    last().as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_file_is_shown_or_refused_with_a_sentence() {
    let mut all = files("malformed");
    all.extend(files("gaudi"));
    if all.is_empty() {
        return;
    }
    let page = Page::open();
    page.eval(
        "window.states = [];
         new MutationObserver(() => states.push(document.documentElement.dataset.state))
             .observe(document.documentElement, { attributeFilter: ['data-state'] })",
    );
    let mut wrong = Vec::new();
    let (mut shown, mut refused) = (0, 0);
    for file in &all {
        let state = open(&page, file);
        match opened(file) {
            Ok(native) => {
                shown += 1;
                let events = format!("Read {}.", show::counted(native.report.events, "event"));
                if state != "ready"
                    || page.text("header .file") != name(file)
                    || !page.text("main").contains(&events)
                {
                    wrong.push(format!(
                        "{}: {state}, not {events:?}: {}",
                        file.display(),
                        page.text("body")
                    ));
                }
                let defects = &native.report.defects;
                let said = match defects.is_empty() {
                    true => String::new(),
                    false => table(&page, "defects").rows().concat().join("\n"),
                };
                for defect in defects {
                    if !said.contains(&defect.says) {
                        wrong.push(format!("{}: does not say {:?}", file.display(), defect.says));
                    }
                }
            }
            Err(why) => {
                refused += 1;
                // The file before stays open where there is one.
                let expected = if shown > 0 { "ready" } else { "failed" };
                let says = (state == expected).then(|| page.text(".trouble"));
                if !says
                    .as_ref()
                    .is_some_and(|s| s.contains(name(file)) && s.contains(&why))
                {
                    wrong.push(format!("{}: {state} {says:?}, not {why:?}", file.display()));
                }
            }
        }
        let errors = page.console_errors();
        if !errors.is_empty() {
            wrong.push(format!("{}: {errors:?} in the console", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{shown} files shown, {refused} refused");
    assert!(shown >= 40 && refused >= 2, "{shown} shown, {refused} refused");
    page.must_be_clean();
}
