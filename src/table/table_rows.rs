//! The rows of a table with its columns, whatever they are made of.

use std::borrow::Cow;

use crate::dialect::terms::Bucket;

use super::cell::{Cell, Column, Kind, Part, Place, Term, Visibility};

/// Where rows come from.
enum Items<'a, T> {
    Borrowed(&'a [T]),
    Owned(Vec<T>),
    /// Counted when the first row is asked for; whether there is any is known before.
    Later {
        has_any: bool,
        count: Box<dyn Fn() -> &'a [T] + 'a>,
    },
}

impl<T> Items<'_, T> {
    fn all(&self) -> &[T] {
        match self {
            Items::Borrowed(items) => items,
            Items::Owned(items) => items,
            Items::Later { has_any: true, count } => count(),
            Items::Later { .. } => &[],
        }
    }
}

/// What of an item a column shows.
type CellOf<'a, T> = Box<dyn Fn(&T) -> Cell + 'a>;

type SaysLater<'a> = Box<dyn Fn() -> Option<String> + 'a>;

/// Rows under construction: items, and for each column what of an item it shows.
pub struct Builder<'a, T> {
    items: Items<'a, T>,
    columns: Vec<Column>,
    cells: Vec<CellOf<'a, T>>,
    says: Vec<String>,
    says_later: Option<SaysLater<'a>>,
    order: Option<Order>,
}

/// How rows lie.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Order {
    /// A column's key.
    pub column: Cow<'static, str>,
    pub descending: bool,
}

trait Source {
    fn n_rows(&self) -> usize;
    fn has_any(&self) -> bool;
    fn cell(&self, row: usize, column: usize) -> Cell;
}

struct Typed<'a, T> {
    items: Items<'a, T>,
    cells: Vec<CellOf<'a, T>>,
}

impl<T> Source for Typed<'_, T> {
    fn n_rows(&self) -> usize {
        self.items.all().len()
    }

    fn has_any(&self) -> bool {
        match &self.items {
            Items::Later { has_any, .. } => *has_any,
            items => !items.all().is_empty(),
        }
    }

    fn cell(&self, row: usize, column: usize) -> Cell {
        match (self.items.all().get(row), self.cells.get(column)) {
            (Some(item), Some(cell)) => cell(item),
            _ => Cell::Unknown,
        }
    }
}

/// Some of the rows of a source.
struct Picked<'a> {
    of: Box<dyn Source + 'a>,
    numbers: Vec<u32>,
}

impl Source for Picked<'_> {
    fn n_rows(&self) -> usize {
        self.numbers.len()
    }

    fn has_any(&self) -> bool {
        !self.numbers.is_empty()
    }

    fn cell(&self, row: usize, column: usize) -> Cell {
        let number = self.numbers.get(row);
        number.map_or(Cell::Unknown, |&number| self.of.cell(number as usize, column))
    }
}

/// A table's columns and rows for one trace. A cell is computed when it is asked for.
pub struct Rows<'a> {
    pub columns: Vec<Column>,
    /// What to know of these rows, beside the table's definition; one sentence each.
    pub says: Vec<String>,
    says_later: Option<SaysLater<'a>>,
    /// How the rows lie when nobody asked for an order.
    pub order: Option<Order>,
    source: Box<dyn Source + 'a>,
}

impl<'a> Rows<'a> {
    /// Rows of a list that the trace's answers hold.
    pub fn of<T>(items: &'a [T]) -> Builder<'a, T> {
        Builder::new(Items::Borrowed(items))
    }

    /// Rows that are made for the table.
    pub fn made<T>(items: Vec<T>) -> Builder<'a, T> {
        Builder::new(Items::Owned(items))
    }

    /// Rows that are counted when the first is asked for, if `has_any`.
    pub fn later<T>(has_any: bool, count: impl Fn() -> &'a [T] + 'a) -> Builder<'a, T> {
        Builder::new(Items::Later {
            has_any,
            count: Box::new(count),
        })
    }

    pub fn len(&self) -> usize {
        self.source.n_rows()
    }

    pub fn is_empty(&self) -> bool {
        !self.source.has_any()
    }

    /// [`Cell::Unknown`] outside of the table.
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        self.source.cell(row, column)
    }

    /// [`Rows::says`], and what is known only once the rows are counted.
    pub fn says_of_all(&self) -> Vec<String> {
        let later = self.says_later.as_ref().and_then(|says| says());
        self.says.iter().cloned().chain(later).collect()
    }

    /// The cells of a row, in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Cell> {
        (0..self.columns.len())
            .map(|column| self.cell(row, column))
            .collect()
    }

    /// The rows of these numbers, in this order.
    pub fn picked(self, numbers: Vec<u32>) -> Rows<'a> {
        let of = self.source;
        Rows {
            source: Box::new(Picked { of, numbers }),
            ..self
        }
    }

    /// Where the column of this key stands.
    pub fn column(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.key == key)
    }
}

type Words = Cow<'static, str>;

impl<'a, T: 'a> Builder<'a, T> {
    fn new(items: Items<'a, T>) -> Builder<'a, T> {
        Builder {
            items,
            columns: Vec::new(),
            cells: Vec::new(),
            says: Vec::new(),
            says_later: None,
            order: None,
        }
    }

    /// A column of any kind.
    pub fn column(
        mut self,
        kind: Kind,
        key: impl Into<Words>,
        head: impl Into<Words>,
        means: impl Into<Words>,
        cell: impl Fn(&T) -> Cell + 'a,
    ) -> Self {
        self.columns.push(Column {
            key: key.into(),
            head: head.into(),
            means: means.into(),
            kind,
            visibility: Visibility::ByDefault,
        });
        self.cells.push(Box::new(cell));
        self
    }

    pub fn duration<V: Into<Option<i64>>>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Duration, key, head, means, move |item| int(of(item)))
    }

    pub fn instant<V: Into<Option<i64>>>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Instant, key, head, means, move |item| int(of(item)))
    }

    pub fn count<V: Whole>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Count, key, head, means, move |item| int(of(item).whole()))
    }

    /// A number that names something.
    pub fn number<V: Whole>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Number, key, head, means, move |item| int(of(item).whole()))
    }

    /// The number of a step.
    pub fn step<V: Whole>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Step, key, head, means, move |item| int(of(item).whole()))
    }

    pub fn bytes<V: Whole>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Bytes, key, head, means, move |item| int(of(item).whole()))
    }

    /// A share, as part and whole; of nothing it is unknown. `of_what` says of what.
    pub fn share(
        self,
        key: &'static str,
        head: &'static str,
        of_what: &'static str,
        of: impl Fn(&T) -> Option<(i64, i64)> + 'a,
    ) -> Self {
        let kind = Kind::Share { of: of_what.into() };
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let cell = move |item: &T| match of(item) {
            Some((part, whole)) if whole != 0 => Cell::Real(part as f64 / whole as f64),
            _ => Cell::Unknown,
        };
        self.column(kind, key, head, format!("Share of {of_what}."), cell)
    }

    pub fn rate(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> Option<f64> + 'a,
    ) -> Self {
        self.column(Kind::Rate, key, head, means, move |item| {
            of(item).map_or(Cell::Unknown, Cell::Real)
        })
    }

    pub fn flag<V: Into<Option<bool>>>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Flag, key, head, means, move |item| {
            of(item).into().map_or(Cell::Unknown, Cell::Flag)
        })
    }

    pub fn text<V: Wording>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Text, key, head, means, move |item| text(of(item)))
    }

    /// A name of the trace's own.
    pub fn name<V: Wording>(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> V + 'a,
    ) -> Self {
        self.column(Kind::Name, key, head, means, move |item| text(of(item)))
    }

    pub fn term(
        self,
        key: &'static str,
        head: &'static str,
        means: &'static str,
        of: impl Fn(&T) -> Term + 'a,
    ) -> Self {
        self.column(Kind::Term, key, head, means, move |item| Cell::Term(of(item)))
    }

    pub fn bucket(self, of: impl Fn(&T) -> Option<Bucket> + 'a) -> Self {
        let means = "The padded shape that a graph was compiled for: batch, query length, context blocks.";
        self.column(Kind::Bucket, "bucket", "bucket", means, move |item| {
            of(item).map_or(Cell::Unknown, Cell::Bucket)
        })
    }

    /// Another head for the column before, where a table has two of one kind.
    pub fn headed(mut self, head: &'static str) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.head = head.into();
        }
        self
    }

    /// Where a row leads.
    pub fn place(self, means: &'static str, of: impl Fn(&T) -> Option<Place> + 'a) -> Self {
        // A row may lead to several places.
        let n = self.columns.iter().filter(|c| c.kind == Kind::Place).count();
        let key = match n {
            0 => Words::from("show"),
            n => format!("show_{}", n + 1).into(),
        };
        self.column(Kind::Place, key, "show", means, move |item| {
            of(item).map_or(Cell::Unknown, Cell::Place)
        })
    }

    /// A bar of parts.
    pub fn parts(self, means: &'static str, of: impl Fn(&T) -> (i64, Vec<Part>) + 'a) -> Self {
        self.column(Kind::Parts, "parts", "parts", means, move |item| {
            let (whole_ns, parts) = of(item);
            Cell::Parts { whole_ns, parts }
        })
    }

    /// The last column is shown on request only.
    pub fn on_request(mut self) -> Self {
        if let Some(last) = self.columns.last_mut() {
            last.visibility = Visibility::OnRequest;
        }
        self
    }

    /// Columns that only some traces have.
    pub fn when(self, has: bool, columns: impl FnOnce(Self) -> Self) -> Self {
        if has { columns(self) } else { self }
    }

    /// The rows lie in the order of this column already.
    pub fn sorted(mut self, column: &'static str, descending: bool) -> Self {
        self.order = Some(Order {
            column: column.into(),
            descending,
        });
        self
    }

    /// What to know of these rows.
    pub fn says(mut self, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        if !sentence.is_empty() {
            self.says.push(sentence);
        }
        self
    }

    /// A sentence that is known only once the rows are counted.
    pub fn says_later(mut self, says: impl Fn() -> Option<String> + 'a) -> Self {
        self.says_later = Some(Box::new(says));
        self
    }

    pub fn done(self) -> Rows<'a> {
        Rows {
            columns: self.columns,
            says: self.says,
            says_later: self.says_later,
            order: self.order,
            source: Box::new(Typed {
                items: self.items,
                cells: self.cells,
            }),
        }
    }
}

fn int(value: impl Into<Option<i64>>) -> Cell {
    value.into().map_or(Cell::Unknown, Cell::Int)
}

fn text(value: impl Wording) -> Cell {
    value.wording().map_or(Cell::Unknown, Cell::Text)
}

/// What a whole number is made of.
pub trait Whole {
    fn whole(self) -> Option<i64>;
}

impl Whole for u64 {
    fn whole(self) -> Option<i64> {
        Some(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl Whole for u32 {
    fn whole(self) -> Option<i64> {
        Some(self.into())
    }
}

impl Whole for i64 {
    fn whole(self) -> Option<i64> {
        Some(self)
    }
}

impl<N: Whole> Whole for Option<N> {
    fn whole(self) -> Option<i64> {
        self.and_then(Whole::whole)
    }
}

/// What a text is made of. An empty one is unknown.
pub trait Wording {
    fn wording(self) -> Option<String>;
}

impl Wording for String {
    fn wording(self) -> Option<String> {
        (!self.is_empty()).then_some(self)
    }
}

impl Wording for &'static str {
    fn wording(self) -> Option<String> {
        self.to_owned().wording()
    }
}

impl<W: Wording> Wording for Option<W> {
    fn wording(self) -> Option<String> {
        self.and_then(Wording::wording)
    }
}
