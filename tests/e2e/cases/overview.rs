//! The Overview says what the command line says.

use stepscope::base::show;
use stepscope::export;

use crate::real::{Gaudi, table, texts};

/// Lines of the text report are wrapped; sentences are compared without.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_findings_are_those_of_the_command_line() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    let says = texts(&page, ".finding-says");
    assert_eq!(
        says.first().map(String::as_str),
        Some(
            "3 graphs were compiled while serving. They delayed 2 steps for 623 ms (88 % of serving time). Of these, 1 for \
             buckets that warm-up did not run and 2 for what had run before (compiled again)."
        )
    );
    let bucket = "1 bucket was served that warm-up never ran: prefill (1, 128, 2) (batch, sequence length, context blocks).";
    assert!(says.iter().any(|says| says == bucket), "{says:?}");
    let report = &gaudi.native.report;
    let expected: Vec<&str> = report.findings.iter().map(|f| f.says.as_str()).collect();
    assert_eq!(says, expected);
    let printed = unwrapped(&export::report_text(&stepscope::analyze::report::Report {
        schema: stepscope::analyze::report::SCHEMA.into(),
        traces: vec![report.clone()],
        workers: None,
        ranks: None,
    }));
    for sentence in &says {
        assert!(
            printed.contains(&unwrapped(sentence)),
            "the command line does not say: {sentence}"
        );
    }
    let costs: Vec<String> = report
        .findings
        .iter()
        .filter_map(|f| f.cost_ns)
        .filter(|ns| *ns > 0)
        .map(show::duration)
        .collect();
    assert_eq!(texts(&page, ".finding .cost"), costs);
    page.must_be_clean();
}

#[test]
fn the_numbers_are_those_of_the_command_line() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    assert_eq!(texts(&page, "nav.tabs .tab-count"), ["52", "12"]);
    assert!(page.text("header .facts").contains("GAUDI3"));
    assert!(
        page.text("section[aria-labelledby=facts-head]")
            .contains("Read 4,171 events.")
    );

    let report = &gaudi.native.report;
    let budget = report.budget.as_ref().expect("a budget");
    let shares: Vec<(String, String)> = budget
        .shares
        .iter()
        .map(|share| {
            let time = show::duration(share.total_ns);
            let part = show::percent(share.total_ns, budget.total_ns);
            (share.says.clone(), format!("{time} ({part})"))
        })
        .collect();
    let legend = "section[aria-labelledby=budget-head] .legend li";
    let words = texts(&page, &format!("{legend} .keyed"));
    let times = texts(&page, &format!("{legend} .num"));
    let shown: Vec<(String, String)> = words.into_iter().zip(times).collect();
    assert_eq!(shown, shares);
    assert_eq!(shares[0].1, "34.0 ms (4.8 %)");

    let device = table(&page, "device_time");
    let heads = [
        "device",
        "work",
        "span",
        "busy",
        "compute",
        "exposed communication",
        "exposed copies",
        "idle",
        "MME",
        "TPC",
    ];
    let expected = [
        "0", "all", "710 ms", "4.8 %", "34.0 ms", "–", "–", "676 ms", "12.6 ms", "21.4 ms",
    ];
    assert_eq!(device.columns(heads)[0], expected);
    page.must_be_clean();
}
