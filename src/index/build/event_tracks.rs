//! Which track an event lies on, and what metadata says of threads and processes.

use rustc_hash::FxHashMap;

use super::Builder;
use crate::base::{DefectKind, NameId};
use crate::index::direct_cache::DirectCache;
use crate::index::trace_columns::{Family, Key, Process};
use crate::ingest::event::args;
use crate::ingest::{Event, Field, Scalar, Word};

#[derive(Clone, Default)]
pub struct ThreadMeta {
    pub name: Option<NameId>,
    pub sort_index: Option<i64>,
}

/// All tracks so far, in the order in which they came.
#[derive(Clone, Default)]
pub struct Tracks {
    pub list: Vec<(Key, Key, Family)>,
    by_key: FxHashMap<(Key, Key, Family), u32>,
    recent: DirectCache<(Word, Word, Family), u32>,
    pub threads: FxHashMap<(Key, Key), ThreadMeta>,
    pub processes: Vec<Process>,
    pub process_by_pid: FxHashMap<Key, usize>,
}

/// Whether what should be a process or thread is neither number nor text.
fn is_no_name(of: Scalar<'_>) -> bool {
    matches!(of, Scalar::Nested(_) | Scalar::Bare(b"true" | b"false"))
}

impl Builder {
    pub(super) fn track(&mut self, event: &Event<'_>, family: Family) -> u32 {
        let words = event.word(Field::Pid).zip(event.word(Field::Tid));
        let word = words.map(|(pid, tid)| (pid.hash().rotate_left(7) ^ tid.hash(), (pid, tid, family)));
        if let Some((hash, word)) = word
            && let Some(id) = self.tracks.recent.get(hash, word)
        {
            return id;
        }
        let (pid, tid) = self.thread(event);
        let key = (pid, tid, family);
        let next = u32::try_from(self.tracks.list.len()).unwrap_or(u32::MAX);
        let id = *self.tracks.by_key.entry(key).or_insert(next);
        if id == next {
            self.tracks.list.push(key);
            if [event.pid(), event.tid()].into_iter().any(is_no_name) {
                self.defects.add(DefectKind::UnreadableThread, Some(event.at));
            }
        }
        if let Some((hash, word)) = word {
            self.tracks.recent.set(hash, word, id);
        }
        id
    }

    /// Process and thread; without a number of its own, the thread is the process's first, which has its number.
    fn thread(&mut self, event: &Event<'_>) -> (Key, Key) {
        let pid = self.key(event.pid(), event.at);
        let tid = match event.tid() {
            Scalar::Missing | Scalar::Null => pid,
            tid => self.key(tid, event.at),
        };
        (pid, tid)
    }

    /// Category, track and name of an event that becomes a slice.
    pub(super) fn place(&mut self, event: &Event<'_>) -> (u16, u32, NameId) {
        let category = self.category(event);
        let family = if Some(category) == self.categories.python {
            Family::Python
        } else {
            Family::Main
        };
        (category, self.track(event, family), self.name_of(event))
    }

    pub(super) fn metadata(&mut self, event: &Event<'_>) {
        let Scalar::Text(what) = event.name() else { return };
        let mut unescaped = Vec::new();
        let what = what.text(&mut unescaped).0;
        let (pid, tid) = self.thread(event);
        let mut text = None;
        let mut number = None;
        let mut unescaped_key = Vec::new();
        for (key, value, _) in args(event.args()) {
            match key.text(&mut unescaped_key).0 {
                b"name" | b"labels" => text = Some(value),
                b"sort_index" => number = value.int(),
                _ => {}
            }
        }
        let text = text.map(|t| self.name(t, event.at));
        match what {
            b"process_name" | b"process_labels" | b"process_sort_index" => {
                let i = *self.tracks.process_by_pid.entry(pid).or_insert_with(|| {
                    self.tracks.processes.push(Process {
                        pid,
                        name: None,
                        labels: None,
                        sort_index: None,
                    });
                    self.tracks.processes.len() - 1
                });
                let process = &mut self.tracks.processes[i];
                match what {
                    b"process_name" => process.name = text.or(process.name),
                    b"process_labels" => process.labels = text.or(process.labels),
                    _ => process.sort_index = number.or(process.sort_index),
                }
            }
            b"thread_name" | b"thread_sort_index" => {
                let thread = self.tracks.threads.entry((pid, tid)).or_default();
                thread.name = text.filter(|_| what == b"thread_name").or(thread.name);
                thread.sort_index = number.or(thread.sort_index);
            }
            _ => {}
        }
    }
}
