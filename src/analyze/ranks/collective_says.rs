//! What collective work says of itself, or the operator that started it says of it.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId};
use crate::dialect::Vocabulary;
use crate::dialect::vocabulary::CollectiveArgs;
use crate::index::Index;

/// Which operation, in which group, of how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CollectiveSays {
    pub(super) name: NameId,
    pub(super) data_type: Option<NameId>,
    pub(super) group: Option<NameId>,
    pub(super) description: Option<NameId>,
    pub(super) ranks: Option<NameId>,
    pub(super) group_size: Option<i64>,
    pub(super) elements_in: Option<i64>,
    pub(super) elements_out: Option<i64>,
    /// The larger of what goes in and what comes out.
    pub(super) bytes: Option<u64>,
}

impl CollectiveSays {
    fn of(index: &Index, args: &CollectiveArgs, id: SliceId) -> Option<CollectiveSays> {
        let text = |key: &str| index.args.text(key, id);
        let whole = |key: &str| index.arg_int(key, id).filter(|&n| n >= 0);
        let (elements_in, elements_out) = (whole(args.elements_in), whole(args.elements_out));
        let data_type = text(args.data_type);
        let element = data_type.and_then(|name| (args.element_bytes)(index.text(name)));
        let elements = elements_in.max(elements_out);
        Some(CollectiveSays {
            name: text(args.name)?,
            data_type,
            group: text(args.group),
            description: text(args.description),
            ranks: text(args.ranks),
            group_size: whole(args.group_size),
            elements_in,
            elements_out,
            bytes: elements
                .and_then(|n| u64::try_from(n).ok())
                .zip(element)
                .map(|(n, bytes)| n.saturating_mul(bytes)),
        })
    }
}

/// The operators of a trace that say what their collective work is.
pub(super) struct CollectiveOperators<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    args: &'a CollectiveArgs,
    /// By rank and number: ranks number their operators alike.
    by_number: FxHashMap<(Option<usize>, i64), SliceId>,
}

impl<'a> CollectiveOperators<'a> {
    /// `None` where nothing in the trace says it.
    pub(super) fn of(index: &'a Index, vocabulary: &'a Vocabulary) -> Option<CollectiveOperators<'a>> {
        let args = vocabulary.collective_args.as_ref()?;
        let names = index.arg_column(args.name)?;
        let operators = names.ints().filter(|&(id, _)| !vocabulary.role(id).is_device());
        let by_number = operators.filter_map(|(id, _)| {
            let number = index.arg_int(args.operator, id).filter(|&n| n != 0)?;
            Some(((vocabulary.ranks.of(index, index.track_of(id)), number), id))
        });
        Some(CollectiveOperators {
            index,
            vocabulary,
            args,
            by_number: by_number.collect(),
        })
    }

    /// What a piece of work is: what it says itself, else what its operator does.
    pub(super) fn says(&self, id: SliceId) -> Option<CollectiveSays> {
        let by_operator = || {
            let number = self.index.arg_int(self.args.operator, id)?;
            let rank = self.vocabulary.ranks.of(self.index, self.index.track_of(id));
            CollectiveSays::of(self.index, self.args, *self.by_number.get(&(rank, number))?)
        };
        CollectiveSays::of(self.index, self.args, id).or_else(by_operator)
    }
}
