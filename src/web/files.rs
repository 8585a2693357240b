//! Files that the reader picks, drops or pastes.

use web_sys::{DataTransfer, File, FileList, HtmlInputElement};

use crate::protocol::engine::FileHead;

/// Files to open together.
#[derive(Clone, Debug, Default)]
pub struct Picked(Vec<File>);

impl Picked {
    /// From an `<input type="file">`, which is emptied, so that the same file can be picked again.
    pub fn of_input(input: &HtmlInputElement) -> Picked {
        let picked = Picked(listed(input.files()));
        input.set_value("");
        picked
    }

    /// From a drop or a paste.
    pub fn of_transfer(transfer: Option<DataTransfer>) -> Picked {
        Picked(listed(transfer.and_then(|t| t.files())))
    }

    /// From whoever opened the page with them.
    pub fn of_files(files: Vec<File>) -> Picked {
        Picked(files)
    }

    /// From a host page.
    pub fn of_file(file: File) -> Picked {
        Picked(vec![file])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and sizes.
    pub fn heads(&self) -> Vec<FileHead> {
        // A size is a whole number below 2^53.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a file's size is a whole number of bytes, below 2^53"
        )]
        let bytes = |file: &File| file.size() as u64;
        self.0
            .iter()
            .map(|file| FileHead {
                name: file.name(),
                bytes: bytes(file),
            })
            .collect()
    }

    /// The one of this name; if there is one alone, that one.
    pub fn named(&self, name: &str) -> Option<File> {
        match &self.0[..] {
            [one] => Some(one.clone()),
            more => more.iter().find(|file| file.name() == name).cloned(),
        }
    }

    /// The files themselves.
    pub fn files(&self) -> &[File] {
        &self.0
    }
}

fn listed(list: Option<FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|i| list.get(i)).collect()
}

/// Whether a drag over the page carries files.
pub fn carries_files(transfer: Option<DataTransfer>) -> bool {
    transfer.is_some_and(|t| {
        t.types()
            .iter()
            .any(|kind| kind.as_string().as_deref() == Some("Files"))
    })
}
