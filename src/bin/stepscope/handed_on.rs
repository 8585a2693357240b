//! What a report to be handed on says of itself: who made it, when and how.

use std::time::{SystemTime, UNIX_EPOCH};

use stepscope::export::Made;

/// Of this call. The command is as typed, or without the names in it.
pub fn made(command: &str, is_stripped: bool) -> Made {
    Made {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        date: today(),
        command: match is_stripped {
            true => format!("stepscope {command} --format html --strip"),
            false => typed(),
        },
    }
}

/// As a shell would take it again, but for headers, which may hold a key.
fn typed() -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    let quoted = |argument: String| match !argument.is_empty() && argument.chars().all(is_plain) {
        true => argument,
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    };
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let arguments = without_headers(arguments).map(quoted);
    let words: Vec<String> = std::iter::once("stepscope".to_owned()).chain(arguments).collect();
    words.join(" ")
}

fn without_headers(arguments: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_header = false;
    arguments.map(move |argument| match std::mem::take(&mut is_header) {
        true => "...".to_owned(),
        false if argument.starts_with("--header=") => "--header=...".to_owned(),
        false => {
            is_header = argument == "--header";
            argument
        }
    })
}

/// `2026-12-01 (UTC)`; empty where the clock is before 1970.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or_else(
        |_| String::new(),
        |since| format!("{} (UTC)", date(since.as_secs() / 86_400)),
    )
}

/// The day of this number, counted from 1970-01-01, in the Gregorian calendar: years from March on, so that a leap day
/// ends one.
fn date(days: u64) -> String {
    let day = days + 719_468; // from 0000-03-01
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_its_headers() {
        let typed = [
            "record",
            "--header",
            "Authorization: Bearer k",
            "--header=X: k",
            "--for",
            "1s",
        ];
        let shown: Vec<String> = without_headers(typed.into_iter().map(str::to_owned)).collect();
        let want = ["record", "--header", "...", "--header=...", "--for", "1s"];
        assert_eq!(shown, want);
    }

    #[test]
    fn days_have_their_dates() {
        let cases = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_788, "2026-12-01"),
        ];
        for (days, want) in cases {
            assert_eq!(date(days), want);
        }
    }
}
