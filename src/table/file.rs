//! The file itself: what lies in it, and what is wrong with it.

use crate::analyze::report::FileListed;
use crate::base::stats;

use super::cell::Term;
use super::table_rows::Rows;
use super::{Answers, Table, Topic};

pub const FILES: Table = Table {
    key: "files",
    title: "Files in the archive",
    definition: "The format is not described in public: what is not named here as read was not looked into.",
    topic: Topic::File,
    rows: files,
};

fn files<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let files: &'a [FileListed] = answers.report.beside.as_ref().map_or(&[], |b| &b.files);
    Rows::of(files)
        .name("path", "file", "", |f| f.path.clone())
        .bytes("bytes", "size", "", |f| f.bytes)
        .text("says", "what it is", "", |f| f.says.clone())
        .done()
}

pub const CATEGORIES: Table = Table {
    key: "categories",
    title: "What the file's text is made of",
    definition: "Events and bytes of their text by category, uncompressed. The file's text is longer by its header and \
                 by what lies between events.",
    topic: Topic::File,
    rows: categories,
};

fn categories<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let rows = &answers.report.bytes_by_category;
    let all = stats::sum(
        rows.iter()
            .map(|c| i64::try_from(c.text_bytes).unwrap_or(i64::MAX)),
    );
    Rows::of(rows)
        .text("category", "category", "", |c| match &*c.category {
            "" => "without a category".to_owned(),
            category => category.to_owned(),
        })
        .count("events", "events", "", |c| c.events)
        .bytes("text_bytes", "text", "", |c| c.text_bytes)
        .share("share", "of the text", "the events' text", move |c| {
            Some((i64::try_from(c.text_bytes).unwrap_or(i64::MAX), all))
        })
        .text(
            "left_out_by",
            "left out by",
            "What the profiler is told to leave it out, and what is lost then.",
            |c| c.left_out_by.clone(),
        )
        .sorted("text_bytes", true)
        .done()
}

pub const DEFECTS: Table = Table {
    key: "defects",
    title: "Defects of the file",
    definition: "What was repaired, replaced or lost while reading.",
    topic: Topic::File,
    rows: defects,
};

fn defects<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(&answers.report.defects)
        .term("severity", "severity", "", |d| Term::word(d.severity.key()))
        .text("kind", "kind", "", |d| d.kind.clone())
        .count("count", "count", "", |d| d.count)
        .count(
            "events_lost",
            "events lost",
            "Events that are not in the trace because of it.",
            |d| d.events_lost,
        )
        .on_request()
        .number(
            "first_at_byte",
            "first at byte",
            "In the uncompressed text.",
            |d| d.first_at_byte,
        )
        .text("says", "what", "", |d| d.says.clone())
        .done()
}
