//! Every view, seen wide, narrow and dark: pictures in `target/e2e`, and nothing that sticks out.

use stepscope::view::place::View;
use stepscope_e2e::Look;

use crate::real::{Gaudi, go};

const WIDE: Look = Look {
    width_px: 1440,
    height_px: 1000,
    dark: false,
};
const NARROW: Look = Look {
    width_px: 480,
    height_px: 900,
    dark: false,
};
const DARK: Look = Look { dark: true, ..WIDE };

#[test]
fn no_view_is_wider_than_the_window() {
    let Some((page, _)) = Gaudi::at("") else { return };
    let mut wide = Vec::new();
    for view in View::ALL {
        go(&page, view);
        page.eval("window.scrollTo(0, 0)");
        for (word, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
            page.look(look);
            // Plots and the timeline ask for what a new width needs.
            page.eval_async("await new Promise(done => setTimeout(done, 300))");
            page.screenshot(&format!("view-{}-{word}", view.id()), look);
            let width = page.eval("return document.documentElement.scrollWidth");
            if width.as_u64().is_none_or(|px| px > u64::from(look.width_px)) {
                wide.push(format!("{view:?} is {width} px wide in {} px", look.width_px));
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
