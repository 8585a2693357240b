//! Every closed set: keys that are unique, and the same in JSON.

use stepscope::analyze::report::{
    Cause, DevicePart, DifferenceKind, Engine, Evidence, GapKind, IdleCause, Level, Period, Phase, StepPart,
    Sure, WorkKind,
};
use stepscope::base::{Colour, DefectKind, Severity};
use stepscope::view::{BarClass, TrackKind};

macro_rules! check {
    ($($Set:ident)*) => {
        $(
            let mut keys = $Set::ALL.map($Set::key).to_vec();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), $Set::COUNT, "{}", stringify!($Set));
            for (i, one) in $Set::ALL.into_iter().enumerate() {
                assert_eq!(one as usize, i, "{one:?}");
                assert_eq!($Set::from_key(one.key()), Some(one));
                let json = serde_json::to_string(&one).unwrap();
                assert_eq!(json, format!("\"{}\"", one.key()));
                assert_eq!(serde_json::from_str::<$Set>(&json).unwrap(), one);
            }
        )*
    };
}

#[test]
fn keys_are_unique_and_those_of_json() {
    check!(
        BarClass Cause Colour DefectKind DevicePart DifferenceKind Engine Evidence GapKind IdleCause Level Period Phase Severity
        StepPart Sure TrackKind WorkKind
    );
}
