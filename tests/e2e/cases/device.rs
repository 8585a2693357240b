//! The Device view of a CUDA trace: what the page shows is what the native engine finds, by the reader's rules, too.

use std::path::PathBuf;

use serde_json::json;
use stepscope::base::show;
use stepscope::session::Opened;
use stepscope::view::route::View;
use stepscope_e2e::{Look, Page, corpus};

use crate::real::{Gaudi, click_text, frames, go, opened, place, table, texts};

/// vLLM on one B200: one prefill, 929 pieces of device work, one collective.
fn b200(hash: &str) -> Option<(Page, PathBuf, Opened)> {
    let trace = corpus("kineto/tracelens/b200/eager_trace.json.gz")?;
    let native = opened(&trace).unwrap_or_else(|why| panic!("{why}"));
    let page = Page::open_at(hash);
    page.choose_files(&[&trace]);
    page.wait_for("ready");
    Some((page, trace, native))
}

/// Name, kind, rule and count of each kernel, as the table shows them.
fn kernels(native: &Opened) -> Vec<[String; 4]> {
    let kernels = native.report.kernels.iter();
    kernels
        .map(|k| {
            [
                k.name.split_whitespace().collect::<Vec<_>>().join(" "),
                k.kind.clone(),
                k.rule.clone().unwrap_or_else(|| "–".into()),
                show::count(k.count),
            ]
        })
        .collect()
}

fn kernels_shown(page: &Page) -> Vec<[String; 4]> {
    let shown = table(page, "kernels").columns(["name", "kind", "known by", "count"]);
    let one_space = |cell: String| cell.split_whitespace().collect::<Vec<_>>().join(" ");
    shown.into_iter().map(|row| row.map(one_space)).collect()
}

fn set_rules(page: &Page, rules: &str) {
    page.eval_with(
        "const area = document.querySelector('details.rules textarea');
         area.closest('details').open = true;
         area.value = arguments[0];",
        vec![json!(rules)],
    );
    click_text(page, "details.rules button", "Apply");
}

#[test]
fn devices_are_shown_as_the_native_engine_finds_them() {
    let Some((page, _, native)) = b200("#view=device") else {
        return;
    };
    let report = &native.report;
    let idle = &report.idle[0];
    let causes: Vec<[String; 4]> = idle
        .causes
        .iter()
        .map(|c| {
            [
                c.cause.says().to_owned(),
                show::duration(c.total_ns),
                show::percent(c.total_ns, idle.idle_ns),
                show::count(c.count),
            ]
        })
        .collect();
    let shown = table(&page, "idle").columns(["cause", "time", "of idle time", "gaps"]);
    assert_eq!(shown, causes);
    assert_eq!(kernels_shown(&page), kernels(&native));
    let launches = report.launches.as_ref().expect("launches");
    let calls: Vec<[String; 2]> = launches
        .calls
        .iter()
        .map(|c| [c.name.clone(), show::count(c.work)])
        .collect();
    assert_eq!(table(&page, "launches").columns(["call", "work"]), calls);
    let copies = table(&page, "copies").columns(["direction", "count", "GB/s"]);
    assert_eq!(copies[0], ["DtoD", "146", "987"]);
    assert_eq!(table(&page, "queue_depth").column("deepest")[0], "2");
    // Every row leads somewhere, where the table has places.
    let without = page.eval(
        "return [...document.querySelectorAll('main tbody tr')]
            .filter(row => !row.querySelector('a[href]') && row.closest('table').querySelector('tbody a[href]')).length",
    );
    assert_eq!(without, json!(0));
    page.must_be_clean();
}

#[test]
fn a_gap_of_the_device_leads_to_the_timeline() {
    let Some((page, _, native)) = b200("#view=device") else {
        return;
    };
    let gap = &native.report.idle[0].longest[0];
    click_text(
        &page,
        &table(&page, "longest_idle").css("tbody tr:not([aria-hidden]) a"),
        "gap",
    );
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    let at = place(&page);
    assert_eq!((at.view, at.slice), (View::Timeline, Some(gap.next_slice)));
    let mark = at.mark.expect("a stretch");
    assert_eq!((mark.start, mark.len_ns()), (gap.start_ns, gap.dur_ns));
    page.must_be_clean();
}

#[test]
fn rules_that_a_reader_changes_are_computed_and_kept_for_the_next_file() {
    let Some((page, trace, mut native)) = b200("#view=device") else {
        return;
    };
    let status = || texts(&page, "details.rules [role=status]").join("");
    set_rules(&page, "nonsense");
    page.wait_until("the rule is refused", || {
        status().starts_with("Not applied – line 1")
    });
    assert_eq!(kernels_shown(&page), kernels(&native), "nothing has changed");

    let rules = "communication: kernel\n";
    native.classify(rules).expect("rules");
    set_rules(&page, rules);
    page.wait_until("the rules are applied", || {
        kernels_shown(&page) == kernels(&native)
    });
    assert!(status().starts_with("All numbers"));
    let time = &native.report.device_time[0];
    let times = table(&page, "device_time");
    page.wait_until("communication is exposed", || {
        times.column("exposed communication")[0] == show::duration(time.comm_exposed_ns)
    });
    assert!(time.comm_exposed_ns > 1_000_000);
    go(&page, View::Overview);
    let says = texts(&page, ".findings li").join(" ");
    assert!(says.contains("xposed communication"), "{says}");

    page.choose_files(&[&trace]);
    page.wait_for("loading");
    page.wait_for("ready");
    go(&page, View::Device);
    page.wait_until("the rules still hold", || {
        kernels_shown(&page) == kernels(&native)
    });
    page.eval("document.querySelector('details.rules').open = true");
    click_text(&page, "details.rules button", "Default rules");
    let by_default = opened(&trace).expect("the trace");
    page.wait_until("the default rules hold", || {
        kernels_shown(&page) == kernels(&by_default)
    });
    page.must_be_clean();
}

#[test]
fn steps_show_their_span_on_the_device() {
    let Some((page, _, native)) = b200("#view=steps") else {
        return;
    };
    let steps = table(&page, "steps");
    steps.wait_for_size("1 row");
    let device = native.report.steps[0].device.as_ref().expect("device work");
    let span = device.end_ns.expect("an end") - device.start_ns.expect("a start");
    assert_eq!(steps.column("device span"), [show::duration(span)]);
    let heads = steps.heads();
    assert!(heads.contains(&"interval".to_owned()) && heads.contains(&"device gap".to_owned()));
    page.must_be_clean();
}

#[test]
fn a_trace_without_numbered_launches_says_so_and_shows_why_its_devices_were_idle() {
    let Some((page, gaudi)) = Gaudi::at("#view=device") else {
        return;
    };
    let idle = &gaudi.native.report.idle[0];
    let causes: Vec<&str> = idle.causes.iter().map(|c| c.cause.says()).collect();
    assert_eq!(table(&page, "idle").column("cause"), causes);
    assert!(
        page.text("main")
            .contains("does not carry the number of the call")
    );
    page.must_be_clean();
}

#[test]
fn the_device_view_fits_every_window() {
    let Some((page, ..)) = b200("#view=device") else {
        return;
    };
    page.eval("document.querySelector('details.rules').open = true");
    let wide = Look {
        width_px: 1440,
        height_px: 1000,
        dark: false,
    };
    let looks = [
        ("wide", wide),
        (
            "narrow",
            Look {
                width_px: 480,
                ..wide
            },
        ),
        ("dark", Look { dark: true, ..wide }),
    ];
    for (word, look) in looks {
        page.look(look);
        page.eval_async("await new Promise(done => setTimeout(done, 300))");
        page.screenshot(&format!("view-device-{word}"), look);
        let out =
            page.eval("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(out, json!(0), "{word}");
        for (part, css) in [
            ("rules", "details.rules"),
            ("queues", "section[aria-labelledby=table-queue_depth]"),
        ] {
            page.eval_with(
                "document.querySelector(arguments[0]).scrollIntoView()",
                vec![json!(css)],
            );
            page.screenshot(&format!("view-device-{part}-{word}"), look);
        }
        page.eval("window.scrollTo(0, 0)");
    }
    page.must_be_clean();
}
