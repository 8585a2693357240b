//! Every view, seen wide, narrow and dark: pictures in `target/e2e`, and nothing that sticks out.

use stepscope::view::route::View;
use stepscope_e2e::Look;

use crate::real::{FILLS_OF_GAUDI, Gaudi, frames, go};

pub const WIDE: Look = Look {
    width_px: 1440,
    height_px: 1000,
    dark: false,
};
pub const NARROW: Look = Look {
    width_px: 480,
    height_px: 900,
    dark: false,
};
pub const DARK: Look = Look { dark: true, ..WIDE };

/// The page's scrolled width, and what makes it so, if that is more than the window's.
pub const STICKS_OUT: &str = "
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const cut = e => e && (getComputedStyle(e).overflowX !== 'visible' || cut(e.parentElement));
    const out = [...document.body.querySelectorAll('*')]
        .filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5 && !cut(e.parentElement))
        .map(e => `<${e.localName} class='${e.getAttribute('class') ?? ''}'> to ${Math.round(e.getBoundingClientRect().right)} px`);
    return [`${root.scrollWidth} px in ${root.clientWidth} px`, ...out.slice(0, 5)]";

#[test]
fn no_view_is_wider_than_the_window() {
    let Some((page, _)) = Gaudi::at("") else { return };
    let mut wide = Vec::new();
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
        page.eval("window.scrollTo(0, 0)");
        for (word, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
            page.look(look);
            // Plots and the timeline ask for what a new width needs.
            page.eval_async("await new Promise(done => setTimeout(done, 300))");
            page.screenshot(&format!("view-{}-{word}", view.id()), look);
            let out = page.eval(STICKS_OUT);
            for element in out.as_array().expect("elements") {
                wide.push(format!("{view:?}, {word}: {element}"));
            }
        }
    }
    page.must_be_clean();
    assert_eq!(wide, [""; 0]);
}

#[test]
fn dark_is_dark_and_light_is_light() {
    let Some((page, _)) = Gaudi::at("") else { return };
    // How bright the ground is, 0 to 255.
    let ground = || {
        let rgb = page.eval(
            "const rgb = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
             return (rgb[0] + rgb[1] + rgb[2]) / 3",
        );
        rgb.as_f64().expect("a colour")
    };
    page.look(WIDE);
    assert!(ground() > 200.0, "light: {}", ground());
    page.look(DARK);
    assert!(ground() < 60.0, "dark: {}", ground());
    // The reader's choice stands above the system's.
    page.click("button[aria-label='Switch between light and dark']");
    page.wait_until("the page is light again", || ground() > 200.0);
    page.must_be_clean();
}

#[test]
fn the_timeline_follows_when_the_system_turns_light_or_dark() {
    let Some((page, _)) = Gaudi::at("#view=timeline") else {
        return;
    };
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    // How bright the labels' ground is, 0 to 255, 4 px above the lower left corner.
    let ground = || {
        let rgb = page.eval(
            "const canvas = document.querySelector('.tl-canvas');
             const rgb = canvas.getContext('2d').getImageData(8, canvas.height - 4, 1, 1).data;
             return (rgb[0] + rgb[1] + rgb[2]) / 3",
        );
        rgb.as_f64().expect("a colour")
    };
    for (look, word, is) in [
        (WIDE, "light", (|b| b > 200.0) as fn(f64) -> bool),
        (DARK, "dark", |b| b < 60.0),
        (WIDE, "light again", |b| b > 200.0),
    ] {
        page.look(look);
        page.wait_until(&format!("the timeline is {word}"), || is(ground()));
    }
    page.must_be_clean();
}
