//! Files that the reader picks, drops or pastes.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry,
    HtmlInputElement,
};

use crate::protocol::engine::FileHead;

/// More files of a dropped folder are not looked at, nor deeper folders.
const MAX_FILES: usize = 50_000;
const MAX_DEPTH: usize = 12;

/// Files to open together, each with its path; that of a file that was picked by itself is its name.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    files: Vec<(String, File)>,
    /// Each gives the browser's permit to read a file later (a handle), or nothing.
    permits: Vec<Promise>,
}

impl Picked {
    /// From an `<input type="file">`, which is emptied, so that the same file can be picked again.
    pub fn of_input(input: &HtmlInputElement) -> Picked {
        let picked = Picked::of_list(listed(input.files()));
        input.set_value("");
        picked
    }

    /// From a drop or a paste.
    pub fn of_transfer(transfer: Option<DataTransfer>) -> Picked {
        let permits = transfer.as_ref().map(permits_of).unwrap_or_default();
        Picked::of_list(listed(transfer.and_then(|t| t.files()))).with_permits(permits)
    }

    fn of_list(files: Vec<(String, File)>) -> Picked {
        Picked {
            files,
            permits: Vec::new(),
        }
    }

    /// With a permit for each file, in any order.
    #[must_use]
    pub fn with_permits(self, permits: Vec<Promise>) -> Picked {
        Picked { permits, ..self }
    }

    /// One for each file, or none.
    pub fn permits(&self) -> Vec<Promise> {
        match self.permits.len() == self.files.len() {
            true => self.permits.clone(),
            false => Vec::new(),
        }
    }

    /// From whoever opened the page with them: the system, or a host page.
    pub fn of_files(files: Vec<File>) -> Picked {
        Picked::of_list(files.into_iter().map(|file| (path_of(&file), file)).collect())
    }

    /// From a drop that may hold folders. What it holds must be taken at once; a folder is walked later.
    pub fn folders_of(transfer: Option<&DataTransfer>) -> Option<Vec<FileSystemEntry>> {
        let items = transfer?.items();
        let entries: Vec<FileSystemEntry> = (0..items.length())
            .filter_map(|i| items.get(i)?.webkit_get_as_entry().ok().flatten())
            .collect();
        entries
            .iter()
            .any(FileSystemEntry::is_directory)
            .then_some(entries)
    }

    /// A text that looks like JSON, as a file.
    pub fn of_json(text: &str) -> Option<Picked> {
        if !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let parts = Array::of1(&JsValue::from_str(text));
        let file = File::new_with_str_sequence(&parts, "pasted.json").ok()?;
        Some(Picked::of_list(vec![("pasted.json".to_owned(), file)]))
    }

    /// These files and more, to be opened together.
    #[must_use]
    pub fn and(mut self, more: Picked) -> Picked {
        self.files.extend(more.files);
        self.permits.extend(more.permits);
        self
    }

    /// Every file of these, folder by folder.
    async fn of_entries(entries: Vec<FileSystemEntry>) -> Picked {
        let mut found = Vec::new();
        let mut open: Vec<(FileSystemEntry, usize)> = entries.into_iter().rev().map(|e| (e, 0)).collect();
        while let Some((entry, depth)) = open.pop() {
            if found.len() >= MAX_FILES {
                break;
            }
            let path = entry.full_path().trim_start_matches('/').to_owned();
            if let Some(file) = entry.dyn_ref::<FileSystemFileEntry>() {
                let got =
                    called_back(|done, failed| file.file_with_callback_and_callback(done, failed)).await;
                if let Ok(Ok(file)) = got.map(JsCast::dyn_into::<File>) {
                    found.push((path, file));
                }
            } else if let Some(folder) = entry.dyn_ref::<FileSystemDirectoryEntry>()
                && depth < MAX_DEPTH
            {
                let reader = folder.create_reader();
                // A reader gives 100 entries at a time, and none at the end.
                while let Ok(got) = called_back(|done, failed| {
                    reader
                        .read_entries_with_callback_and_callback(done, failed)
                        .map_or_else(|why| web_sys::console::warn_1(&why), |()| ())
                })
                .await
                {
                    let entries: Array = got.unchecked_into();
                    if entries.length() == 0 || open.len() > MAX_FILES {
                        break;
                    }
                    open.extend(entries.iter().map(|e| (e.unchecked_into(), depth + 1)));
                }
            }
        }
        Picked::of_list(found)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
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
        self.files
            .iter()
            .map(|(path, file)| FileHead {
                name: path.clone(),
                bytes: bytes(file),
            })
            .collect()
    }

    /// The one at this path. What lies in an archive has another than the archive.
    pub fn at(&self, path: &str) -> Option<File> {
        let found = self.files.iter().find(|(of, _)| of == path);
        found.map(|(_, file)| file.clone())
    }

    /// The files themselves.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().map(|(_, file)| file)
    }
}

/// Walks what was dropped, then hands over its files; nothing if it holds none.
pub fn walk(entries: Vec<FileSystemEntry>, walked: impl FnOnce(Picked) + 'static) {
    spawn_local(async move {
        let picked = Picked::of_entries(entries).await;
        if !picked.is_empty() {
            walked(picked);
        }
    });
}

/// What a function gives to one of two callbacks.
async fn called_back(start: impl Fn(&Function, &Function)) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::new(&mut |done, failed| start(&done, &failed))).await
}

/// The path below the folder that was picked; empty for a file that was picked by itself.
fn path_of(file: &File) -> String {
    let path = Reflect::get(file, &"webkitRelativePath".into()).ok();
    let path = path.and_then(|path| path.as_string()).unwrap_or_default();
    if path.is_empty() { file.name() } else { path }
}

/// Of what is dropped: to be asked for at once, given later.
fn permits_of(transfer: &DataTransfer) -> Vec<Promise> {
    let items = transfer.items();
    let items = (0..items.length()).filter_map(|i| items.get(i));
    let files = items.filter(|item| item.kind() == "file");
    let permit = |item: web_sys::DataTransferItem| -> Option<Promise> {
        let ask: Function = Reflect::get(&item, &"getAsFileSystemHandle".into())
            .ok()?
            .dyn_into()
            .ok()?;
        ask.call0(&item).ok()?.dyn_into().ok()
    };
    files.filter_map(permit).collect()
}

fn listed(list: Option<FileList>) -> Vec<(String, File)> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length())
        .filter_map(|i| list.get(i))
        .map(|file| (path_of(&file), file))
        .collect()
}

/// Whether a drag over the page carries files.
pub fn carries_files(transfer: Option<DataTransfer>) -> bool {
    transfer.is_some_and(|t| {
        t.types()
            .iter()
            .any(|kind| kind.as_string().as_deref() == Some("Files"))
    })
}
