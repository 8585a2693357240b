//! The Gaps view: three kinds, never added up, and histograms that hold every gap.

use serde_json::Value;
use stepscope::analyze::report::GapKind;
use stepscope::base::show;
use stepscope::view::Span;
use stepscope::view::place::Place;
use stepscope_e2e::Page;

use crate::real::{Gaudi, place, rows, texts};

/// Counts of the histogram's bars, stacked by cause, summed by their bin's name.
fn bars(page: &Page) -> Vec<(String, u64)> {
    let titles = texts_of_titles(page, "main figure:first-of-type rect title");
    let mut bins: Vec<(String, u64)> = Vec::new();
    for title in titles {
        let (bin, rest) = title.split_once(", ").expect("bin, cause: count");
        let count: u64 = rest
            .rsplit_once(": ")
            .and_then(|(_, count)| count.replace(',', "").parse().ok())
            .unwrap_or_else(|| panic!("no count in {title}"));
        match bins.iter_mut().find(|(name, _)| name == bin) {
            Some((_, sum)) => *sum += count,
            None => bins.push((bin.to_owned(), count)),
        }
    }
    bins
}

fn texts_of_titles(page: &Page, css: &str) -> Vec<String> {
    let titles = page.eval_with(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)",
        vec![css.into()],
    );
    serde_json::from_value(titles).expect("texts")
}

#[test]
fn each_kind_of_gap_is_shown_with_its_own_counts() {
    let Some((page, gaudi)) = Gaudi::at("#view=gaps") else {
        return;
    };
    assert_eq!(
        texts(&page, ".switches a.switch"),
        ["Between steps", "On the device", "Between launches"]
    );
    for (kind, key, head, counts) in [
        (
            GapKind::Step,
            "step",
            "Between steps: vLLM",
            [0, 0, 0, 20, 20, 1, 1, 0, 0, 0],
        ),
        (
            GapKind::Device,
            "device",
            "On the device: device 0",
            [137, 276, 0, 4, 17, 18, 1, 0, 2, 0],
        ),
        (
            GapKind::Launch,
            "launch",
            "Between launches: Synapse/*Host Profiler",
            [0, 91, 2, 0, 0, 38, 2, 0, 2, 0],
        ),
    ] {
        page.click(&format!(".switches a[href='#view=gaps&gaps={key}']"));
        page.wait_until(&format!("{head} is shown"), || {
            page.text("main h2").starts_with(head)
        });
        assert_eq!(place(&page).gaps, Some(kind));

        let all = &gaudi.native.report.gaps;
        let gaps = all.iter().find(|g| g.kind == kind).expect("gaps of this kind");
        assert_eq!(gaps.bins.iter().map(|b| b.count).collect::<Vec<_>>(), counts);
        let total: u64 = counts.iter().sum();
        assert!(
            page.text("main h2").contains(&show::counted(total, "gap")),
            "{}",
            page.text("main h2")
        );

        let by_length = rows(&page, "main .columns:nth-of-type(2) table:nth-of-type(2)");
        let shown: Vec<&str> = by_length.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(shown, counts.map(show::count), "the table of {head}");
        let drawn = bars(&page);
        for (row, count) in by_length.iter().zip(counts) {
            let bar = drawn
                .iter()
                .find(|(bin, _)| *bin == row[0])
                .map_or(0, |(_, n)| *n);
            assert_eq!(bar, count, "the bar {} of {head}", row[0]);
        }

        let by_cause = rows(&page, "main .columns:nth-of-type(2) table:nth-of-type(1)");
        let sum: u64 = by_cause
            .iter()
            .map(|row| row[1].replace(',', "").parse::<u64>().expect("a count"))
            .sum();
        assert_eq!(sum, total, "the causes of {head}");
    }
    page.must_be_clean();
}

#[test]
fn the_longest_gaps_lead_to_their_places() {
    let Some((page, gaudi)) = Gaudi::at("#view=gaps&gaps=device") else {
        return;
    };
    let all = &gaudi.native.report.gaps;
    let gaps = all
        .iter()
        .find(|g| g.kind == GapKind::Device)
        .expect("device gaps");
    let links = page.eval(
        "return [...document.querySelectorAll('main table')].at(-1).querySelectorAll('a[href*=\"view=timeline\"]').values()
            .map(a => a.getAttribute('href')).toArray()",
    );
    let marks: Vec<Option<Span>> = links
        .as_array()
        .expect("links")
        .iter()
        .filter_map(Value::as_str)
        .map(|href| Place::from_hash(href).mark)
        .collect();
    let expected: Vec<Option<Span>> = gaps
        .longest
        .iter()
        .map(|g| Some(Span::new(g.start_ns, g.start_ns + g.dur_ns)))
        .collect();
    assert_eq!(marks.len(), 50);
    assert_eq!(marks, expected);
    page.must_be_clean();
}
