//! Colours by what they mean. How each looks, in light and in dark, is the style sheet's business.

use super::closed_set::closed_set;

macro_rules! colours {
    ($($Colour:ident $key:literal;)+) => {
        closed_set! {
            /// A colour `decode` is the class `k-decode` and the custom property `--c-decode` of the style sheet. A
            /// colour is never alone: its word stands beside it.
            pub enum Colour {
                class: &'static str,
                property: &'static str,
            }
            $($Colour $key { class: concat!("k-", $key), property: concat!("--c-", $key) })+
        }
    };
}

colours! {
    Prefill "prefill";
    Decode "decode";
    Mixed "mixed";
    Prepare "prepare";
    Forward "forward";
    Logits "logits";
    Sample "sample";
    Post "post";
    Warmup "warmup";
    Compile "compile";
    Launch "launch";
    Wait "wait";
    HostOp "hostop";
    Python "python";
    Mme "mme";
    Tpc "tpc";
    Dma "dma";
    Nic "nic";
    DeviceOther "deviceother";
    NoLoad "noload";
    Other "other";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_every_colour_and_no_other() {
        let css = include_str!("../../www/style.css");
        for colour in Colour::ALL {
            let rule = format!(".{} {{ --k: var({}); }}", colour.class(), colour.property());
            assert!(css.contains(&rule), "{rule}");
            assert!(css.contains(&format!("  {}: #", colour.property())), "{colour:?}");
        }
        assert_eq!(css.matches("{ --k: var(--c-").count(), Colour::COUNT);
    }
}
