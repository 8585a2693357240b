//! Two traces compared, for people and for programs.

use crate::analyze::report::Comparison;
use crate::base::show::{self, plain};
use crate::table::{Answers, Filled, filled};

use super::{markdown, text_report};

/// `stepscope.compare/1`, as JSON.
pub fn comparison_json(of: &Comparison) -> String {
    let mut json = serde_json::to_string_pretty(of)
        .expect("a comparison has only string keys, and a number that is none becomes null");
    json.push('\n');
    show::plain_json(json)
}

pub(super) fn with_tables<R>(of: &Comparison, write: impl FnOnce(Vec<Filled<'_>>) -> R) -> R {
    write(filled(&Answers {
        comparison: Some(of),
        ..Answers::without_trace()
    }))
}

/// One line a side, and the score.
pub(super) fn head(of: &Comparison) -> [String; 3] {
    let side = |name: &str, side: &crate::analyze::report::Side| {
        format!(
            "{name}  {} ({}, {})",
            plain(&side.file),
            plain(&side.format),
            show::counted(side.steps, "served step")
        )
    };
    let score = format!("Comparable: {:.2} of 1.", of.comparable.score);
    [side("A", &of.a), side("B", &of.b), score]
}

/// For a terminal.
pub fn comparison_text(of: &Comparison) -> String {
    let mut out = head(of).join("\n") + "\n";
    out += &text_report::sentence(&of.says);
    with_tables(of, |tables| text_report::tables(&mut out, &tables));
    out
}

/// For a pull request, or the summary of a build.
pub fn comparison_markdown(of: &Comparison) -> String {
    let [a, b, score] = head(of).map(|line| markdown::escaped(&line));
    let mut out = format!(
        "# A and B compared\n\n{a}  \n{b}\n\n{score} {}\n",
        markdown::escaped(&of.says)
    );
    with_tables(of, |tables| {
        for table in &tables {
            out.push('\n');
            out += &markdown::table_markdown(table, 0);
        }
    });
    out
}
