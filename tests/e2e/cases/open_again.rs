//! After a reload: the page says which file it showed, and opens it again at the same place.

use stepscope_e2e::Page;

use crate::real::{Gaudi, click_text, name, place};

/// Loads the page again and waits until it is up anew.
fn reload(page: &Page) {
    page.eval("window.isOld = true; location.reload()");
    page.wait_until("the page is loaded again", || {
        page.eval("return window.isOld === undefined") == true && page.state() == "empty"
    });
}

#[test]
fn a_file_that_was_shown_is_named_and_opens_at_the_same_place() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps&step=10") else {
        return;
    };
    let before = place(&page);
    reload(&page);
    let says = page.text(".again");
    assert!(
        says.starts_with(&format!(
            "Before it was loaded again, this page showed {}",
            name(&gaudi.trace)
        )),
        "{says}"
    );
    page.choose_in(".again input", &[&gaudi.trace]);
    page.wait_for("ready");
    assert_eq!(place(&page), before);

    // What is closed is not offered.
    page.click("button.brand");
    page.click(".ask .buttons button:last-child");
    page.wait_for("empty");
    assert_eq!(page.count(".again"), 0);
    reload(&page);
    assert_eq!(page.count(".again"), 0);
    // Loading it again asks the server for the page's own files.
    assert_eq!(page.console_errors(), [""; 0]);
}

/// The browser's own dialog, answered with a file of the page's private folder: its permits can be kept like those of
/// any other file, and no one need allow reading it.
const CHOSEN: &str = r#"
    window.showOpenFilePicker = async () => {
        const folder = await navigator.storage.getDirectory();
        const handle = await folder.getFileHandle("one.json", { create: true });
        const writable = await handle.createWritable();
        await writable.write('[{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1, "dur": 2}]');
        await writable.close();
        return [handle];
    };"#;

#[test]
fn by_the_browsers_permit_one_click_opens_it_again() {
    let mut page = Page::blank();
    page.before_its_scripts(CHOSEN);
    page.go_to("");
    page.wait_for("empty");
    click_text(&page, "main button", "Open a file…");
    page.wait_for("ready");
    assert_eq!(page.text("header .file"), "one.json");
    page.wait_until("the permit is kept", || {
        page.eval_async(
            "const all = await indexedDB.databases();
             if (!all.some(of => of.name === 'stepscope')) { return 0; }
             const open = indexedDB.open('stepscope');
             await new Promise(done => open.onsuccess = done);
             const names = open.result.objectStoreNames;
             const count = open.result.transaction(names[0]).objectStore(names[0]).count();
             await new Promise(done => count.onsuccess = done);
             open.result.close();
             return count.result",
        ) == 1
    });
    reload(&page);
    page.wait_until("the file is offered", || page.count(".again > button.main") == 1);
    click_text(&page, ".again button", "Open it again");
    page.wait_for("ready");
    assert_eq!(page.text("header .file"), "one.json");

    // Forgotten with what else is kept.
    reload(&page);
    page.click(".privacy summary");
    click_text(&page, ".privacy button", "Forget these");
    reload(&page);
    assert_eq!(page.count(".again"), 0);
    // Loading it again asks the server for the page's own files.
    assert_eq!(page.console_errors(), [""; 0]);
}
