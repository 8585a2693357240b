//! Rows of CSV tables one by one, of whatever the text is.
//!
//! A quoted field may hold line ends. A row that takes several lines is believed where its quotes are in order and it
//! has as many fields as others; else a quote in its first line is stray: that line is lost, and reading goes on at the
//! next. So a quote costs one line, and no line is looked at more than twice: a line that closes no field which a line
//! before opened has its quotes in pairs, and so opens none itself.

use csv::ByteRecord;

use super::tables_beside::RowsRead;

/// What comes next in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRow {
    Fields,
    Lost,
}

/// Rows of a table below its header.
pub struct TableRows<'a> {
    left: &'a [u8],
    n_columns: usize,
    /// Fields of the last row that was believed; older tables have rows that are longer than their header.
    n_fields: usize,
    ends: TableEnd,
}

/// How the text of a table ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableEnd {
    #[default]
    WithLineEnd,
    /// Behind a field of the last column, which may be cut.
    WithoutLineEnd,
    InRow,
}

/// The fields of one row.
struct Split {
    used: usize,
    quotes_are_in_order: bool,
    takes_lines: bool,
    /// Nothing ends it but the end of the text.
    reaches_end: bool,
}

pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

impl<'a> TableRows<'a> {
    /// The header, and the rows below it. `None`: there is none.
    pub fn of(text: &'a [u8]) -> Option<(ByteRecord, TableRows<'a>)> {
        let text = without_byte_order_mark(text);
        let mut header = ByteRecord::new();
        let split = split(text, &mut header);
        let n_columns = header.len();
        let rows = TableRows {
            left: &text[split.used..],
            n_columns,
            n_fields: n_columns,
            ends: TableEnd::default(),
        };
        (!is_blank(&header)).then_some((header, rows))
    }

    /// The next row that is not blank, in `fields`.
    pub fn next_row(&mut self, fields: &mut ByteRecord) -> Option<NextRow> {
        while !self.left.is_empty() {
            let split = split(self.left, fields);
            let is_usual = fields.len() == self.n_columns || fields.len() == self.n_fields;
            let is_believed = match split.takes_lines {
                true => split.quotes_are_in_order && is_usual,
                false => split.quotes_are_in_order || is_usual,
            };
            let is_short = fields.len() < self.n_columns.min(self.n_fields);
            if split.reaches_end && (is_short || !split.quotes_are_in_order) && self.is_one_row(&split) {
                self.left = &[];
                self.ends = TableEnd::InRow;
                return Some(NextRow::Lost);
            }
            if !is_believed {
                self.left = behind_line(self.left);
                return Some(NextRow::Lost);
            }
            self.left = &self.left[split.used..];
            if is_blank(fields) {
                continue;
            }
            if split.reaches_end {
                self.ends = TableEnd::WithoutLineEnd;
            }
            self.n_fields = fields.len();
            return Some(NextRow::Fields);
        }
        None
    }

    /// Whether what is left, in which a field is not closed, is one row: no line in it is a row of its own.
    fn is_one_row(&self, split: &Split) -> bool {
        let mut fields = ByteRecord::new();
        let mut left = if split.takes_lines {
            behind_line(self.left)
        } else {
            &[]
        };
        while !left.is_empty() {
            let line = self::split(left, &mut fields);
            if line.quotes_are_in_order && fields.len() == self.n_columns {
                return false;
            }
            left = behind_line(left);
        }
        true
    }

    pub fn ends(&self) -> TableEnd {
        self.ends
    }

    /// What `take` makes of all rows; it gives `None` for one that it cannot read.
    pub fn read(mut self, mut take: impl FnMut(&ByteRecord) -> Option<()>) -> RowsRead {
        let mut read = RowsRead::default();
        let mut fields = ByteRecord::new();
        while let Some(next) = self.next_row(&mut fields) {
            match next {
                NextRow::Fields if take(&fields).is_some() => read.rows += 1,
                NextRow::Fields | NextRow::Lost => read.rows_lost += 1,
            }
        }
        read.ends = self.ends;
        read
    }
}

fn is_blank(fields: &ByteRecord) -> bool {
    fields.iter().all(|field| field.trim_ascii().is_empty())
}

/// What follows the first line.
fn behind_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
    &text[end + line_end(&text[end..])..]
}

/// Bytes of the line end at the start of `text`.
fn line_end(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// The fields of the row at the start of `text`. Quotes that are out of order are kept as they stand.
fn split(text: &[u8], fields: &mut ByteRecord) -> Split {
    fields.clear();
    let mut found = Split {
        used: text.len(),
        quotes_are_in_order: true,
        takes_lines: false,
        reaches_end: false,
    };
    let mut field = Vec::new();
    let mut at = 0;
    loop {
        field.clear();
        let is_quoted = text.get(at) == Some(&b'"');
        if is_quoted {
            at += 1;
            loop {
                let Some(n) = memchr::memchr(b'"', &text[at..]) else {
                    found.quotes_are_in_order = false;
                    found.takes_lines |= !behind_line(&text[at..]).is_empty();
                    found.reaches_end = true;
                    return found;
                };
                found.takes_lines |= memchr::memchr2(b'\n', b'\r', &text[at..at + n]).is_some();
                field.extend_from_slice(&text[at..at + n]);
                at += n + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                field.push(b'"');
                at += 1;
            }
        }
        let n = memchr::memchr3(b',', b'\n', b'\r', &text[at..]).unwrap_or(text.len() - at);
        let behind = &text[at..at + n];
        if is_quoted && !behind.trim_ascii().is_empty() {
            found.quotes_are_in_order = false;
            if found.takes_lines {
                return found;
            }
        }
        field.extend_from_slice(behind);
        fields.push_field(&field);
        at += n;
        if text.get(at) == Some(&b',') {
            at += 1;
            continue;
        }
        let end = line_end(&text[at..]);
        found.reaches_end = end == 0;
        found.used = at + end;
        return found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows joined by `|`, or `lost`; and how it ends.
    fn rows(text: &str) -> (Vec<String>, TableEnd) {
        let (_, mut rows) = TableRows::of(text.as_bytes()).expect("a header");
        let mut fields = ByteRecord::new();
        let mut all = Vec::new();
        while let Some(next) = rows.next_row(&mut fields) {
            let text = |field| String::from_utf8_lossy(field).into_owned();
            all.push(match next {
                NextRow::Fields => fields.iter().map(text).collect::<Vec<_>>().join("|"),
                NextRow::Lost => "lost".to_owned(),
            });
        }
        (all, rows.ends())
    }

    #[test]
    fn quoted_fields_hold_commas_quotes_and_lines() {
        let text = "\u{feff}a,b,c\r\n1,\"x,y\",3\r\n\r\n1,\"\"\"1,2\"\";\n\"\"3\"\"\",2\n,,\nx,\"y\"\t,z\n";
        let (all, ends) = rows(text);
        assert_eq!(all, ["1|x,y|3", "1|\"1,2\";\n\"3\"|2", "x|y\t|z"]);
        assert_eq!(ends, TableEnd::WithLineEnd);
    }

    #[test]
    fn a_stray_quote_costs_its_line_wherever_it_stands() {
        let quoted = (0..50).map(|n| format!("{n},\"a,{n}\",c\n"));
        let plain = (0..50).map(|n| format!("{n},b,c\n"));
        for lines in [quoted.collect::<Vec<_>>(), plain.collect()] {
            for (line, at) in [0, 7, 48, 49]
                .into_iter()
                .flat_map(|line| [(line, 0), (line, 2), (line, 3)])
            {
                let at = if line > 9 && at > 0 { at + 1 } else { at };
                let mut damaged = lines.clone();
                damaged[line].insert(at, '"');
                let (all, _) = rows(&format!("k,l,m\n{}", damaged.concat()));
                let n_lost = all.iter().filter(|row| *row == "lost").count();
                assert_eq!(all.len(), 50, "{:?}", damaged[line]);
                assert!(n_lost <= 1, "{:?}: {n_lost} lost", damaged[line]);
                let is_other = |&(n, _): &(usize, &String)| n != line;
                assert!(
                    all.iter()
                        .enumerate()
                        .filter(is_other)
                        .all(|(_, row)| row != "lost")
                );
            }
        }
    }

    #[test]
    fn a_table_that_is_cut_loses_its_last_row_at_most() {
        let whole = "a,b,c\n1,\"x,y\",3\n1,\"\"\"1,2\"\";\n\"\"3\"\"\",2\n4,5,6\n";
        let (complete, _) = rows(whole);
        for cut in 6..whole.len() {
            let (all, ends) = rows(&whole[..cut]);
            let n_whole = all.iter().take_while(|row| complete.contains(row)).count();
            assert!(all.len() <= n_whole + 1, "{cut}: {all:?}");
            let is_at_line_end = whole[..cut].ends_with('\n') && ends == TableEnd::WithLineEnd;
            assert!(is_at_line_end || ends != TableEnd::WithLineEnd, "{cut}");
            assert_eq!(
                all.last().is_some_and(|row| row == "lost"),
                ends == TableEnd::InRow,
                "{cut}"
            );
        }
        assert_eq!(rows("a,b\n1,2").1, TableEnd::WithoutLineEnd);
        assert_eq!(rows("a,b\n1").1, TableEnd::InRow);
    }

    #[test]
    fn quotes_in_every_line_lose_no_more_than_the_lines() {
        for line in [",\"\n", "\"\n", "\"\"\"\n", ",\"\",\"\n", "\"x\"\"\n"] {
            let text = format!("a,b\n{}", line.repeat(200_000));
            // A search to the end of the text from every line would take minutes.
            let (found, _) = rows(&text);
            assert!(
                (100_000..=200_001).contains(&found.len()),
                "{line:?}: {}",
                found.len()
            );
        }
    }
}
