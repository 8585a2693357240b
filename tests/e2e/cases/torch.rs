//! The host's side of a torch trace: operators by shape and stack, torch.compile, memory, stacks. The native engine says
//! what the page must show.

use std::path::PathBuf;

use fantoccini::key::Key;
use stepscope::base::show;
use stepscope::session::Opened;
use stepscope::table::StacksAsk;
use stepscope::view::flame::{calls_by_name, flame};
use stepscope::view::route::View;
use stepscope::view::{FlameOrder, FlameQuestion, StackSource};
use stepscope_e2e::{Look, Page, corpus, key};

use crate::real::{click_text, go, opened, table, texts};

fn open(file: &str) -> Option<(Page, Opened, PathBuf)> {
    let path = corpus(&format!("kineto/torch_cpu/torch-2.9.1/{file}"))?;
    let native = opened(&path).unwrap_or_else(|why| panic!("{why}"));
    let page = Page::open();
    page.choose_files(&[&path]);
    page.wait_for("ready");
    Some((page, native, path))
}

#[test]
fn stacks_are_drawn_zoomed_highlighted_and_saved() {
    let Some((page, native, _)) = open("full.pt.trace.json.gz") else {
        return;
    };
    go(&page, View::Stacks);
    page.wait_until("the flame graph is drawn", || page.count("canvas.flame") == 1);
    let label = || {
        page.eval("return document.querySelector('canvas.flame').ariaLabel")
            .to_string()
    };
    assert!(label().contains("Flame graph of 822 ms"), "{}", label());
    page.screenshot("stacks-heavy", Look::LAPTOP);
    // By keys: to the module of the whole model, and into it.
    page.eval("document.querySelector('canvas.flame').focus()");
    for _ in 0..4 {
        page.press(&key(Key::Down));
    }
    let tip = page.text(".flame-frame .plot-tip");
    assert!(tip.contains("total") && tip.contains("call"), "{tip}");
    page.press(&key(Key::Enter));
    page.wait_until("it zoomed in", || page.count("canvas.flame") == 1);
    page.screenshot(
        "stacks-zoomed",
        Look {
            dark: true,
            ..Look::LAPTOP
        },
    );
    for (word, name) in [("Modules", "stacks-modules"), ("In order of time", "stacks-time")] {
        click_text(&page, "button", word);
        page.wait_until("it is pressed", || {
            texts(&page, "button[aria-pressed='true']")
                .iter()
                .any(|t| t == word)
        });
        page.eval_async("await new Promise(done => setTimeout(done, 400))");
        page.screenshot(name, Look::LAPTOP);
    }
    click_text(&page, "summary", "The same as a table, by name");
    let shown = table(&page, "stacks").column("name");
    let question = FlameQuestion {
        source: StackSource::Modules,
        order: FlameOrder::Time,
        width_px: 100,
        ..FlameQuestion::default()
    };
    let view = flame(&native.index, &native.vocabulary, &question);
    let stacks = StacksAsk {
        source: StackSource::Modules,
        window: view.window,
        thread: Some(view.threads[0].id),
    };
    let expected = calls_by_name(&native.index, &native.vocabulary, &stacks).names;
    let expected: Vec<&str> = expected.iter().map(|of| of.name.as_str()).take(10).collect();
    assert_eq!(shown[..10], expected);
    click_text(&page, "button", "Download folded stacks");
    let name = "full.pt.trace.folded.txt";
    let want = native.folded(StackSource::Modules, None, None).0;
    assert_eq!(String::from_utf8(page.downloaded(name)).unwrap(), want);
    page.must_be_clean();
}

#[test]
fn memory_shows_the_peak_and_who_allocates() {
    let Some((page, native, _)) = open("full.pt.trace.json.gz") else {
        return;
    };
    go(&page, View::Memory);
    page.wait_until("the curve is drawn", || page.count(".plot canvas") == 1);
    let memory = native.report.memory.as_ref().unwrap();
    let cpu = &memory.devices[0];
    let facts = texts(&page, ".facts-list dd");
    assert!(
        facts.contains(&show::bytes(cpu.peak_bytes.unsigned_abs())),
        "{facts:?}"
    );
    let shown = table(&page, "memory_operators").column("operator");
    assert_eq!(shown.len(), cpu.operators.len());
    assert_eq!(shown[0], cpu.operators[0].name);
    page.screenshot("memory-wide", Look::LAPTOP);
    page.screenshot(
        "memory-dark-narrow",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    page.must_be_clean();
}

#[test]
fn operators_are_counted_by_name_shape_and_stack() {
    let Some((page, native, _)) = open("full.pt.trace.json.gz") else {
        return;
    };
    go(&page, View::Operators);
    table(&page, "operators").wait_for_size(&show::counted(native.report.operators.len() as u64, "row"));
    let whole = native.whole_report();
    for (word, key, operators) in [
        ("By input shapes", "operators_by_shape", &whole.operators_by_shape),
        ("By python stack", "operators_by_stack", &whole.operators_by_stack),
    ] {
        click_text(&page, "button", word);
        let shown = table(&page, key);
        shown.wait_for_size(&show::counted(operators.len() as u64, "row"));
        assert_eq!(shown.column("name")[0], operators[0].name);
        page.screenshot(&word.replace(' ', "-").to_lowercase(), Look::LAPTOP);
    }
    assert_eq!(table(&page, "modules").column("module").len(), 43);
    page.must_be_clean();
}

#[test]
fn torch_compile_shows_attempts_and_the_limit() {
    let Some((page, _, _)) = open("compile_eager_recompiles.pt.trace.json.gz") else {
        return;
    };
    let findings = texts(&page, ".findings li");
    assert!(
        findings.iter().any(|f| f.contains("reached its recompile limit")),
        "{findings:?}"
    );
    go(&page, View::Recompiles);
    let all = table(&page, "dynamo").columns(["lookups", "runs of compiled code", "compiles", "recompiles"]);
    // The fifth attempt gave up, and is no compile.
    assert_eq!(all, [["23", "4", "4", "3"]]);
    assert_eq!(table(&page, "dynamo_limits").rows().len(), 1);
    let attempts = table(&page, "recompiles").column("attempt");
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().any(|attempt| attempt == "3"), "{attempts:?}");
    page.screenshot("recompiles-dynamo", Look::LAPTOP);
    page.must_be_clean();
}

#[test]
fn torchs_own_table_opens_beside_its_trace() {
    let Some(trace) = corpus("kineto/torch_cpu/torch-2.9.1/plain.pt.trace.json.gz") else {
        return;
    };
    let beside = trace.with_file_name("plain.table.txt");
    let page = Page::open();
    page.choose_files(&[&beside, &trace]);
    page.wait_for("ready");
    go(&page, View::Operators);
    let says = table(&page, "torch_table").says();
    assert!(
        says.contains("40 rows round to what the table says, 0 differ"),
        "{says}"
    );
    page.must_be_clean();
}
