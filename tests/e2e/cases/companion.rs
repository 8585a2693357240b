//! A host page posts us a trace: in a window that it opened, in a frame of its own, in a sandbox; hosts that are
//! trusted, strange, in a hurry, and hostile.

use serde_json::{Value, json};
use stepscope::view::route::{Chrome, Route, View};
use stepscope_e2e::{Look, Page};

/// What every host can do. `scope`: the window of Stepscope; `said`: what it heard from there.
const HOST: &str = r#"
    window.said = [];
    window.addEventListener("message", event => { if (event.source === window.scope) said.push(event.data) });
    window.pong = async () => {
        for (let i = 0; i < 600 && !said.includes("PONG"); i += 1) {
            scope.postMessage("PING", "*");
            await new Promise(done => setTimeout(done, 50));
        }
        if (!said.includes("PONG")) throw "no PONG";
    };
    // From 1 s to 1.01 s of its clock; each name its own, so that one can be told from another.
    window.text = name => JSON.stringify({ traceEvents: [0, 1, 2].map(i =>
        ({ ph: "X", name: `${name}-${i}`, cat: "cpu_op", pid: 1, tid: 1, ts: 1000000 + 4000 * i, dur: 2000 })) });
    window.buffer = name => new TextEncoder().encode(text(name)).buffer;
    window.post = (perfetto, moved = []) => scope.postMessage({ perfetto }, "*", moved);
    window.heard = () => said.flatMap(s => s?.companion ? [s.companion] : []);
    return 0"#;

/// A page that hosts us, at this name of the machine.
fn host(at: &str) -> Page {
    let page = Page::blank();
    page.load(&format!("{}host/companion.html", page.url_as(at)));
    page.eval(HOST);
    page
}

/// Opens us in a window of its own, at `localhost`, and waits for our answer.
fn open_window(page: &Page, tail: &str) {
    let url = format!("{}{tail}", page.url_as("localhost"));
    page.eval_with("window.scope = window.open(arguments[0])", vec![json!(url)]);
    must(page, "await pong()");
}

/// Waits until our program is there: until then, one trace and one range are kept, and nothing is said.
fn until_up(page: &Page) {
    page.in_window(1);
    page.wait_for("empty");
    page.in_window(0);
}

/// Puts us into a frame, at `localhost`.
fn open_frame(page: &Page, sandbox: Option<&str>, tail: &str) {
    let url = format!("{}{tail}", page.url_as("localhost"));
    page.eval_with(
        "const frame = document.getElementById('stepscope');
         if (arguments[1] !== null) frame.setAttribute('sandbox', arguments[1]);
         frame.src = arguments[0];
         window.scope = frame.contentWindow",
        vec![json!(url), json!(sandbox)],
    );
    must(page, "await pong()");
}

fn must(page: &Page, script: &str) -> Value {
    let value = page.eval_async(script);
    assert!(value["rejected"].is_null(), "{script}: {value}");
    value
}

/// Waits until the trace of this name is shown. Call it in our window or frame.
fn must_show(page: &Page, name: &str) {
    page.wait_until(&format!("{name} is shown"), || {
        // Asked at once: between two questions the next trace may begin, and the head name none.
        page.eval(
            "return document.documentElement.dataset.state === 'ready'
                 && document.querySelector('header .file')?.textContent",
        ) == name
    });
}

fn place(page: &Page) -> Route {
    Route::from_hash(page.eval("return location.hash").as_str().expect("a hash"))
}

/// Events of this kind that the host heard.
fn heard(page: &Page, event: &str) -> Vec<Value> {
    let all = page.eval("return heard()");
    let all = all.as_array().expect("events").iter();
    all.filter(|said| said["event"] == event).cloned().collect()
}

#[test]
fn a_trusted_host_opens_a_trace_moves_the_view_and_hears_of_it() {
    let page = host("127.0.0.1");
    open_window(&page, "");
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*');
         post({ timeStart: 1.004, timeEnd: 1.006 });
         const moved = buffer('decode');
         post({ buffer: moved, title: 'run 7', fileName: 'rank0.json', keepApiOpen: true }, [moved]);
         if (moved.byteLength) throw 'copied'",
    );
    page.in_window(1);
    must_show(&page, "rank0.json");
    assert_eq!(page.count("dialog"), 0);
    // The range came before the trace, and waited for it.
    page.wait_until("the range is shown", || place(&page).mark.is_some());
    let at = place(&page);
    let mark = at.mark.expect("a mark");
    assert_eq!((mark.start, mark.end), (1_004_000_000, 1_006_000_000));
    assert_eq!(at.view, View::Timeline);
    page.wait_until("the window is around it", || {
        place(&page)
            .window
            .is_some_and(|w| w.start < mark.start && mark.end < w.end)
    });
    page.in_window(0);
    page.wait_until("the host hears that it is loaded", || {
        !heard(&page, "loaded").is_empty()
    });
    assert_eq!(heard(&page, "accepted").len(), 1);
    let loaded = &heard(&page, "loaded")[0];
    assert_eq!(loaded["v"], 1);
    assert_eq!(
        (&loaded["events"], &loaded["startNs"], &loaded["endNs"]),
        (&json!(3), &json!("1000000000"), &json!("1010000000"))
    );
    assert_eq!(
        (loaded["timeStart"].as_f64(), loaded["timeEnd"].as_f64()),
        (Some(1.0), Some(1.01))
    );
    // What the host showed itself is no selection; what the reader selects is.
    assert_eq!(heard(&page, "selection"), [json!(null); 0]);
    page.in_window(1);
    page.eval("location.hash = 'view=timeline&slice=2'");
    page.in_window(0);
    page.wait_until("the host hears of the selection", || {
        !heard(&page, "selection").is_empty()
    });
    assert_eq!(
        heard(&page, "selection"),
        [
            json!({ "v": 1, "event": "selection", "name": "decode-2", "timeStart": 1.008, "timeEnd": 1.01,
                 "startNs": "1008000000", "endNs": "1010000000" })
        ]
    );
    // An area, drawn with the shift key.
    page.in_window(1);
    let place = page.eval(
        "const { left, top } = document.querySelector('.tl-canvas').getBoundingClientRect(); return [left, top]",
    );
    let at = |x: f64, y: f64| {
        let corner = |i: usize| place[i].as_f64().expect("a place");
        (corner(0) + x, corner(1) + y)
    };
    page.drag_with_shift(at(300.0, 30.0), at(500.0, 45.0));
    page.in_window(0);
    page.wait_until("the host hears of the area", || {
        heard(&page, "selection").len() == 2
    });
    let area = &heard(&page, "selection")[1];
    let (start, end) = (area["timeStart"].as_f64(), area["timeEnd"].as_f64());
    assert!(start < end && start >= Some(1.0) && end <= Some(1.01), "{area}");
    assert_eq!(area["name"], "");
    page.in_window(1);
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_host_that_does_not_say_hello_hears_nothing() {
    let page = host("127.0.0.1");
    open_window(&page, "");
    must(
        &page,
        "post({ buffer: buffer('a'), title: 'a', keepApiOpen: true })",
    );
    page.in_window(1);
    must_show(&page, "a");
    page.eval("location.hash = 'view=timeline&slice=2'");
    page.wait_until("it is selected", || page.text("main").contains("a-2"));
    page.in_window(0);
    assert_eq!(page.eval("return said.filter(s => s !== 'PONG')"), json!([]));
}

#[test]
fn a_trace_may_be_a_buffer_a_view_a_blob_a_file_or_a_stream() {
    let page = host("127.0.0.1");
    open_window(&page, "");
    let zipped = "await new Response(new Blob([buffer('zipped')]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()";
    for (name, script) in [
        ("view", "const all = new TextEncoder().encode('xx' + text('view') + 'yy'); post({ buffer: all.subarray(2, all.length - 2), title: 'view', keepApiOpen: true })".to_owned()),
        ("blob", "post({ buffer: new Blob([buffer('blob')]), title: 'blob', keepApiOpen: true })".to_owned()),
        ("file", "post({ buffer: new File([buffer('file')], 'other'), title: 'x', fileName: 'file', keepApiOpen: true })".to_owned()),
        ("stream", "const it = new Blob([buffer('stream')]).stream(); post({ buffer: it, title: 'stream', keepApiOpen: true }, [it])".to_owned()),
        // gz is known by its first bytes, whatever the name says.
        ("zipped.json", format!("post({{ buffer: {zipped}, title: 'zipped.json', keepApiOpen: true }})")),
        ("plain.gz", "post({ buffer: buffer('plain'), title: 'plain.gz', keepApiOpen: true })".to_owned()),
        // Last: it cannot say keepApiOpen.
        ("External trace", "const it = buffer('bare'); scope.postMessage(it, '*', [it])".to_owned()),
    ] {
        page.in_window(0);
        must(&page, &script);
        page.in_window(1);
        must_show(&page, name);
        assert!(page.text("main").contains("Read 3 events."), "{name}: {}", page.text("main"));
    }
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_post_before_the_program_is_there_is_kept() {
    let page = Page::blank();
    // In a frame of the same origin, so that the host can see how far it is.
    page.before_its_scripts(
        "if (location.pathname === '/') {
             const real = window.fetch;
             const held = [];
             window.fetch = async (...what) => {
                 await new Promise(done => held.push(done));
                 return real(...what);
             };
             window.isHeld = () => held.length > 0;
             window.go = () => held.splice(0).forEach(done => done());
         }",
    );
    page.load(&format!("{}host/companion.html", page.url_as("localhost")));
    page.eval(HOST);
    open_frame(&page, None, "");
    must(
        &page,
        "for (let i = 0; i < 200 && !scope.isHeld?.(); i += 1) await new Promise(done => setTimeout(done, 50));
         if (scope.document.documentElement.dataset.state) throw 'it is up already';
         scope.postMessage({ companion: { hello: 1 } }, '*');
         post({ timeStart: 1.001, timeEnd: 1.002 });
         post({ buffer: buffer('early'), title: 'early' });
         post({ buffer: buffer('twice'), title: 'twice' });
         // The page's program and its worker.
         window.let_go = setInterval(() => scope.go?.(), 50)",
    );
    page.in_frame("#stepscope");
    must_show(&page, "early");
    page.wait_until("the range is shown", || place(&page).mark.is_some());
    page.out_of_frame();
    page.wait_until("the host hears of it", || heard(&page, "loaded").len() == 1);
    // The second post was dropped, and the program does not know of it.
    assert_eq!(heard(&page, "accepted").len(), 1);
}

#[test]
fn what_a_hostile_host_posts_changes_nothing() {
    let page = host("127.0.0.1");
    open_window(&page, "");
    until_up(&page);
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*');
         post({ buffer: 7, title: 'a number' });
         post({ buffer: 'text', title: 'a text' });
         post({ buffer: [1, 2, 3], title: 'an array' });
         post({ buffer: null, title: 'null' });
         post({ buffer: new ArrayBuffer(0), title: 'empty' });
         post({ buffer: new Blob([]), title: 'empty, too' });
         const closed = new ReadableStream({ start(control) { control.close() } });
         post({ buffer: closed, title: 'an empty stream', keepApiOpen: true }, [closed]);
         const gone = buffer('gone');
         structuredClone(gone, { transfer: [gone] });
         try { post({ buffer: gone, title: 'detached' }); } catch {}
         scope.postMessage({ perfettoIgnore: true, perfetto: { buffer: buffer('x'), title: 'ignored' } }, '*');
         for (const odd of [null, undefined, 7, '', 'PONG', [], { perfetto: null }, { perfetto: 3 }, { companion: 'x' },
             { perfetto: { get: 1 } }, new Map(), 10n, new Date()]) scope.postMessage(odd, '*');
         post({ timeStart: NaN, timeEnd: 2 });
         post({ timeStart: 3, timeEnd: 2 });
         post({ timeStart: '1', timeEnd: '2' });
         post({ timeStart: Infinity, timeEnd: Infinity })",
    );
    page.in_window(1);
    page.wait_until("what is empty is said to be", || page.state() == "empty");
    page.in_window(0);
    // A number, a text, an array, two that are empty, the stream, four ranges. A detached buffer is not even sent.
    page.wait_until("the host hears what was wrong", || {
        heard(&page, "error").len() >= 10
    });
    assert_eq!(heard(&page, "error").len(), 10, "{:?}", heard(&page, "error"));
    page.in_window(1);
    assert_eq!(page.state(), "empty");
    assert_eq!(page.count("dialog"), 0);
    assert_eq!(page.console_errors(), [""; 0]);

    page.in_window(0);
    must(
        &page,
        r"post({ buffer: buffer('a'), title: 'a\u0000\u0007\u202e<img src=x onerror=alert(1)>' + 'x'.repeat(20000000) });
          post({ buffer: buffer('b'), title: 'b' })",
    );
    page.in_window(1);
    page.wait_until("the first one is shown", || page.state() == "ready");
    let name = page.text("header .file");
    assert!(name.starts_with("a <img src=x onerror=alert(1)>xxx"), "{name}");
    assert!(name.chars().count() <= 201, "{} characters", name.chars().count());
    assert_eq!(page.count("header img"), 0);
    // Without keepApiOpen the second one is dropped, and the third as well; PING is still answered.
    page.in_window(0);
    must(
        &page,
        "said.length = 0; await pong(); post({ buffer: buffer('c'), title: 'c', keepApiOpen: true })",
    );
    page.wait_until("it is told", || !heard(&page, "error").is_empty());
    page.in_window(1);
    assert_eq!(page.text("header .file"), name);
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_stranger_is_asked_about_by_its_origin_and_no_is_the_default() {
    let page = host("stranger.test");
    open_window(&page, "");
    until_up(&page);
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*');
         post({ buffer: buffer('a'), title: 'a', keepApiOpen: true });
         post({ buffer: buffer('b'), title: 'b', keepApiOpen: true })",
    );
    let origin = page.url_as("stranger.test");
    let origin = origin.trim_end_matches('/');
    page.in_window(1);
    page.wait_until("the reader is asked", || page.count("dialog[open]") == 1);
    page.screenshot("consent-light", Look::LAPTOP);
    page.screenshot(
        "consent-dark-phone",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    page.look(Look::LAPTOP);
    let says = page.text("dialog");
    assert!(says.contains(origin) && says.contains('a'), "{says}");
    assert_eq!(page.eval("return document.activeElement.innerText"), "No");
    assert_eq!(page.state(), "empty");
    page.press(&stepscope_e2e::key(fantoccini::key::Key::Escape));
    page.wait_until("the dialog is gone", || page.count("dialog") == 0);
    assert_eq!(page.state(), "empty");
    // It is not asked about again, however often it posts.
    page.in_window(0);
    must(
        &page,
        "for (let i = 0; i < 50; i += 1) post({ buffer: buffer('c'), title: 'c' })",
    );
    page.wait_until("it is told so", || heard(&page, "error").len() >= 52);
    page.in_window(1);
    assert_eq!((page.state().as_str(), page.count("dialog")), ("empty", 0));

    // Another window, another question. "Always" is remembered by the next one.
    page.in_window(0);
    page.eval("said.length = 0");
    open_window(&page, "?2");
    must(&page, "post({ buffer: buffer('d'), title: 'd' })");
    page.in_window(2);
    page.wait_until("the reader is asked", || page.count("dialog[open]") == 1);
    page.click("dialog .buttons button:nth-child(3)");
    must_show(&page, "d");
    page.in_window(0);
    page.eval("said.length = 0");
    open_window(&page, "?3");
    must(&page, "post({ buffer: buffer('e'), title: 'e' })");
    page.in_window(3);
    must_show(&page, "e");
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_host_without_an_origin_is_asked_about_each_time() {
    let page = Page::blank();
    page.load(&format!("{}host/companion.html", page.url_as("localhost")));
    page.eval(
        "const frame = document.getElementById('perfetto');
         frame.setAttribute('sandbox', 'allow-scripts allow-popups allow-popups-to-escape-sandbox');
         frame.src = 'viewer.html'",
    );
    page.in_frame("#perfetto");
    page.wait_until("the host is up", || page.state() == "up");
    page.eval(HOST);
    assert_eq!(page.eval("return window.origin"), "null");
    open_window(&page, "");
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*'); post({ buffer: buffer('a'), title: 'a', keepApiOpen: true })",
    );
    page.in_window(1);
    page.wait_until("the reader is asked", || page.count("dialog[open]") == 1);
    assert_eq!(page.count("dialog .buttons button"), 2, "no 'always' for nobody");
    assert!(page.text("dialog").contains("does not say where it is from"));
    page.click("dialog .buttons button:nth-child(2)");
    must_show(&page, "a");
    page.in_window(0);
    page.in_frame("#perfetto");
    page.wait_until("it hears", || heard(&page, "loaded").len() == 1);
    must(&page, "post({ buffer: buffer('b'), title: 'b' })");
    page.in_window(1);
    page.wait_until("the reader is asked again", || page.count("dialog[open]") == 1);
    page.click("dialog .buttons button:nth-child(1)");
    page.wait_until("the dialog is gone", || page.count("dialog") == 0);
    assert_eq!(page.text("header .file"), "a");
}

#[test]
fn a_window_that_is_neither_opener_nor_parent_is_not_heard() {
    let page = host("127.0.0.1");
    open_frame(&page, None, "");
    page.eval("document.getElementById('perfetto').src = 'viewer.html'");
    page.in_frame("#perfetto");
    page.wait_until("the other frame is up", || page.state() == "up");
    page.eval(HOST);
    page.eval("window.scope = parent.frames[0]");
    must(
        &page,
        "scope.postMessage('PING', '*');
         scope.postMessage({ companion: { hello: 1 } }, '*');
         post({ buffer: buffer('a'), title: 'a' });
         post({ timeStart: 1, timeEnd: 2 })",
    );
    // The host's own message comes after it, so it has been through by then.
    page.out_of_frame();
    must(&page, "post({ buffer: buffer('b'), title: 'b' })");
    page.in_frame("#stepscope");
    must_show(&page, "b");
    assert_eq!(place(&page).mark, None);
    page.out_of_frame();
    page.in_frame("#perfetto");
    assert_eq!(page.eval("return said"), json!([]));
}

#[test]
fn what_the_reader_opens_himself_is_none_of_the_hosts_business() {
    let page = host("127.0.0.1");
    open_window(&page, "");
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*'); post({ buffer: buffer('a'), title: 'a', keepApiOpen: true })",
    );
    page.in_window(1);
    must_show(&page, "a");
    let own = tempfile::Builder::new()
        .suffix(".json")
        .tempfile()
        .expect("a file");
    std::fs::write(
        own.path(),
        r#"[{"ph":"X","name":"secret","pid":1,"tid":1,"ts":1000000,"dur":9}]"#,
    )
    .expect("a file written");
    page.choose_files(&[own.path()]);
    let name = own.path().file_name().and_then(|n| n.to_str()).expect("a name");
    must_show(&page, name);
    page.in_window(0);
    page.wait_until("the host heard of its own trace", || {
        heard(&page, "loaded").len() == 1
    });
    let before = page.eval("return said.length");
    must(&page, "post({ timeStart: 1, timeEnd: 1.000005 })");
    page.wait_until("it is told that this is another trace", || {
        heard(&page, "error").len() == 1
    });
    page.in_window(1);
    page.eval("location.hash = 'view=timeline&slice=0'");
    page.wait_until("it is selected", || page.text("main").contains("secret"));
    assert_eq!(place(&page).mark, None);
    page.in_window(0);
    assert_eq!(
        page.eval("return said.length"),
        json!(before.as_u64().expect("a count") + 1)
    );
}

#[test]
fn in_a_frame_the_head_is_small_and_files_are_the_hosts() {
    let page = host("127.0.0.1");
    open_frame(
        &page,
        None,
        "#!/?mode=embedded&theme=dark&visStart=1002000000&visEnd=1005000000",
    );
    page.in_frame("#stepscope");
    page.wait_until("it waits", || page.text("body").contains("Waiting for a trace"));
    assert_eq!(page.count("input[type=file]"), 0);
    page.out_of_frame();
    must(&page, "post({ buffer: buffer('a'), title: 'a' })");
    page.in_frame("#stepscope");
    must_show(&page, "a");
    assert_eq!(
        (page.count("input[type=file]"), page.count("button.brand")),
        (0, 0)
    );
    assert_eq!(page.count(".perfetto-menu"), 0);
    page.wait_until("the window of the address is shown", || {
        let at = place(&page);
        at.view == View::Timeline
            && at
                .window
                .is_some_and(|w| (w.start, w.end) == (1_002_000_000, 1_005_000_000))
    });
    assert_eq!(place(&page).chrome, Chrome::Embedded);
    assert_eq!(page.eval("return document.documentElement.dataset.theme"), "dark");
    // A dropped file is not taken.
    page.eval(
        "const dataTransfer = new DataTransfer();
         dataTransfer.items.add(new File(['[]'], 'dropped.json'));
         for (const kind of ['dragenter', 'dragover', 'drop'])
             document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }))",
    );
    page.out_of_frame();
    must(&page, "await new Promise(done => setTimeout(done, 300))");
    page.in_frame("#stepscope");
    assert_eq!(
        (page.state().as_str(), page.text("header .file").as_str()),
        ("ready", "a")
    );
    page.out_of_frame();
    page.screenshot("embedded", Look::LAPTOP);
}

#[test]
fn a_sandbox_that_allows_scripts_is_enough() {
    let page = host("127.0.0.1");
    open_frame(&page, Some("allow-scripts"), "#!/?mode=embedded");
    page.in_frame("#stepscope");
    assert_eq!(page.eval("return window.origin"), "null");
    page.out_of_frame();
    must(
        &page,
        "scope.postMessage({ companion: { hello: 1 } }, '*'); post({ buffer: buffer('a'), title: 'a' })",
    );
    page.in_frame("#stepscope");
    must_show(&page, "a");
    page.out_of_frame();
    page.wait_until("it hears", || heard(&page, "loaded").len() == 1);
    assert_eq!(page.console_errors(), [""; 0]);
}
