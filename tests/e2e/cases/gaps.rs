//! The Gaps view: three kinds, never added up, and histograms that hold every gap.

use fantoccini::key::Key;
use serde_json::Value;
use stepscope::analyze::report::GapKind;
use stepscope::base::show;
use stepscope::table::PAGE_ROWS;
use stepscope::view::Span;
use stepscope::view::route::Route;
use stepscope_e2e::{Page, key};

use crate::real::{Gaudi, place, table, texts};

/// Counts of the histogram's bars, stacked by cause, summed by their bin's name.
fn bars(page: &Page) -> Vec<(String, u64)> {
    let titles = texts_of_titles(page, "main figure:first-of-type rect title");
    let mut bins: Vec<(String, u64)> = Vec::new();
    for title in titles {
        let (bin, rest) = title.split_once(", ").expect("bin, cause: count");
        let count: u64 = rest
            .rsplit_once(": ")
            .and_then(|(_, count)| count.split(' ').next()?.replace(',', "").parse().ok())
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

/// A bin as the histogram names it.
fn bin_name(from_ns: i64, to_ns: Option<i64>) -> String {
    match (from_ns, to_ns) {
        (0, Some(to)) => format!("below {}", show::duration(to)),
        (from, Some(to)) => format!("{} to {}", show::duration(from), show::duration(to)),
        (from, None) => format!("{} and longer", show::duration(from)),
    }
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

        let by_length = table(&page, "gaps");
        page.wait_until(&format!("the table is that of {head}"), || {
            by_length.column("gaps") == counts.map(show::count)
        });
        let drawn = bars(&page);
        for bin in &gaps.histogram {
            let (count, bin) = (bin.count, bin_name(bin.from_ns, bin.to_ns));
            let bar = drawn.iter().find(|(name, _)| *name == bin).map_or(0, |(_, n)| *n);
            assert_eq!(bar, count, "the bar {bin} of {head}");
        }
        assert_eq!(page.count("main figure:first-of-type .quantile"), 2);

        let sum = || -> u64 {
            let by_cause = table(&page, "gap_causes").column("gaps");
            by_cause
                .iter()
                .map(|n| n.replace(',', "").parse::<u64>().expect("a count"))
                .sum()
        };
        page.wait_until(&format!("the causes are those of {head}"), || sum() == total);
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
    let longest = table(&page, "longest_gaps");
    let links = page.eval_with(
        "return [...document.querySelectorAll(arguments[0])].map(a => a.getAttribute('href'))",
        vec![longest.css("a[href*='view=timeline']").into()],
    );
    let marks: Vec<Option<Span>> = links
        .as_array()
        .expect("links")
        .iter()
        .filter_map(Value::as_str)
        .map(|href| Route::from_hash(href).mark)
        .collect();
    let expected: Vec<Option<Span>> = gaps
        .longest
        .iter()
        .map(|g| Some(Span::new(g.start_ns, g.start_ns + g.dur_ns)))
        .collect();
    assert_eq!(longest.size(), "50 rows");
    assert_eq!(marks, expected[..PAGE_ROWS as usize]);
    page.must_be_clean();
}

#[test]
fn a_bin_of_the_histogram_filters_the_list_and_stands_in_the_link() {
    let Some((page, gaudi)) = Gaudi::at("#view=gaps&gaps=step") else {
        return;
    };
    let all = &gaudi.native.report.gaps;
    let gaps = all
        .iter()
        .find(|g| g.kind == GapKind::Step)
        .expect("gaps of steps");
    let last = gaps.histogram.iter().rfind(|bin| bin.count > 0).expect("a bin");
    let field = "[role=group][aria-label='How many gaps, by their length']";
    page.wait_until("it is drawn", || {
        page.count(&format!("{field} svg[role=img]")) == 1
    });
    page.eval(&format!("document.querySelector(\"{field}\").focus()"));
    page.press(&key(Key::End));
    page.press(&key(Key::Enter));
    page.wait_until("its lengths are in the link", || {
        place(&page).gap.length == Some(Span::new(last.from_ns, last.to_ns.unwrap_or(i64::MAX)))
    });
    let listed = table(&page, "longest_gaps");
    page.wait_until("the list is of the bin", || {
        listed.column("length").len() as u64 == last.count
    });
    page.press(&key(Key::Escape));
    page.wait_until("all are listed", || place(&page).gap.length.is_none());
    page.eval(
        "const select = [...document.querySelectorAll('.filters label')]
             .find(label => label.textContent.startsWith('Steps')).querySelector('select');
         select.value = 'between'; select.dispatchEvent(new Event('change', { bubbles: true }))",
    );
    page.wait_until("only those between steps are asked for", || {
        place(&page).gap.inside == Some(false)
    });
    // Labels of quantiles stand above the field, where no bar is.
    let overlaps = page.eval(
        "const bars = [...document.querySelectorAll('.chart rect[class^=k-]')].map(e => e.getBoundingClientRect());
         return [...document.querySelectorAll('.quantile + text')].map(e => e.getBoundingClientRect())
             .some(label => bars.some(bar => label.bottom > bar.top + 1 && label.top < bar.bottom
                 && label.right > bar.left && label.left < bar.right))",
    );
    assert_eq!(overlaps, Value::Bool(false));
    page.must_be_clean();
}
