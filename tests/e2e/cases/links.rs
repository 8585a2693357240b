//! The address says where the reader is, and whoever is sent it comes to the same place.

use stepscope::base::SliceId;
use stepscope::view::route::{Route, View};
use stepscope_e2e::Page;

use crate::real::{FILLS_OF_GAUDI, Gaudi, frames, go, place, scroll_to};

#[test]
fn each_view_opens_from_its_address() {
    let Some(gaudi) = Gaudi::find() else { return };
    let mut page = Page::blank();
    for (i, (hash, shows)) in [
        ("", "Findings"),
        ("view=overview", "Findings"),
        ("view=steps&step=10", "Graphs compiled in it"),
        ("view=gaps&gaps=device", "On the device: device 0"),
        ("view=gaps&gaps=launch", "Between launches"),
        ("view=recompiles", "Bucket coverage"),
        ("view=operators", "Device work by name"),
        ("view=python", "Device work by name"),
        ("view=timeline&slice=3466", "HabanaFusedOpLazy_sampler_topk"),
        ("view=nowhere", "Findings"),
    ]
    .into_iter()
    .enumerate()
    {
        // Another query, or the browser would stay on the page and only change its hash.
        page.go_to(&format!("?{i}#{hash}"));
        gaudi.open_in(&page);
        page.wait_until(&format!("#{hash} shows {shows:?}"), || {
            page.text("main").contains(shows)
        });
        let asked = Route::from_hash(hash);
        let at = place(&page);
        assert_eq!(
            (at.view, at.step, at.gaps, at.slice),
            (asked.view, asked.step, asked.gaps, asked.slice)
        );
        page.must_be_clean();
    }
}

#[test]
fn tabs_and_number_keys_go_to_each_view() {
    let Some((page, _)) = Gaudi::at("") else { return };
    for (i, view) in View::of_trace(FILLS_OF_GAUDI).enumerate() {
        go(&page, view);
        assert_eq!(place(&page).view, view);
        page.press("1");
        page.wait_until("the Overview is shown", || page.count("main.view-overview") == 1);
        page.press(&(i + 1).to_string());
        page.wait_until(&format!("key {} shows {view:?}", i + 1), || {
            page.count(&format!("main.view-{}", view.id())) == 1
        });
        assert_eq!(place(&page).view, view);
    }
    page.must_be_clean();
}

/// The timeline writes its window into the address whenever it has moved, also just after a link was followed.
#[test]
fn a_link_is_followed_though_the_page_writes_its_address_meanwhile() {
    let Some((page, _)) = Gaudi::at("#view=timeline") else {
        return;
    };
    page.eval(
        "const before = location.hash;
         location.hash = '#view=gaps';
         history.replaceState(null, '', before)",
    );
    page.wait_until("the gaps are shown", || page.count("main.view-gaps") == 1);
    page.wait_until("the address says so", || place(&page).view == View::Gaps);
    page.must_be_clean();
}

#[test]
fn every_link_to_the_timeline_names_a_slice_or_a_stretch_of_the_trace() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    let report = &gaudi.native.report;
    let (start, end) = (report.start_ns.expect("a start"), report.end_ns.expect("an end"));
    let slices = &gaudi.native.index.slices;
    for view in [
        View::Overview,
        View::Steps,
        View::Gaps,
        View::Recompiles,
        View::Operators,
    ] {
        go(&page, view);
        scroll_to(&page, "main a[href*='view=timeline']");
        let links = page.eval(
            "return [...document.querySelectorAll('main a[href*=\"view=timeline\"]')].map(a => a.getAttribute('href'))",
        );
        let links: Vec<String> = serde_json::from_value(links).expect("links");
        for href in &links {
            let to = Route::from_hash(href);
            assert!(
                to.mark.is_some() || to.slice.is_some(),
                "{view:?}: {href} leads nowhere"
            );
            if let Some(mark) = to.mark {
                assert!(
                    start <= mark.start && mark.end <= end,
                    "{view:?}: {href} is outside of the trace"
                );
            }
            if let Some(slice) = to.slice {
                assert!((slice as usize) < slices.len(), "{view:?}: {href} is no slice");
                let span = slices.span(SliceId(slice));
                if let Some(mark) = to.mark {
                    assert!(
                        span.start < mark.end && mark.start < span.end,
                        "{view:?}: {href} marks another place than its slice {span:?}"
                    );
                }
            }
        }
        // One of them, followed.
        let to = Route::from_hash(&links[links.len() / 2]);
        let before = frames(&page);
        page.eval_with(
            "const links = document.querySelectorAll('main a[href*=\"view=timeline\"]'); links[arguments[0]].click()",
            vec![(links.len() / 2).into()],
        );
        page.wait_until("the timeline is drawn", || {
            frames(&page) > before || frames(&page) > 0
        });
        let target = to
            .mark
            .or_else(|| to.slice.map(|slice| slices.span(SliceId(slice))))
            .expect("a stretch");
        page.wait_until(&format!("the window of {view:?} is around {target:?}"), || {
            place(&page)
                .window
                .is_some_and(|w| w.start <= target.start && target.end <= w.end)
        });
        assert_eq!(place(&page).view, View::Timeline);
    }
    page.must_be_clean();
}
