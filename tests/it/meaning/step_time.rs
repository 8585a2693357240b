//! What a step takes, and what bounds it.

use super::{case, ms};

#[test]
fn the_control_has_six_steps_of_eight_milliseconds() {
    let Some(report) = case("c00_control.json") else {
        return;
    };
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    assert!(steps.iter().all(|s| s["dur_ns"] == ms(8.0)));
}
