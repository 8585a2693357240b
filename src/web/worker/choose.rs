//! What of the files that were given is shown: fetches what the state machine of `session::open` needs, and of its plan
//! opens the one recording that a page holds.

use web_sys::Blob;

use super::answers::post;
use super::size;
use super::unpack::{blob, bytes_of, each_piece, head_of, in_memory, read_whole};
use crate::base::order;
use crate::protocol::engine::{FileHead, Reply};
use crate::session;
use crate::session::bundle::Compared;
use crate::session::open::{
    Entry, EntryKind, Failure, HEAD, Input, Need, OfWorker, Opening, Plan, Provided, Ready, Said, Text,
    is_readable,
};
use crate::view::{OtherTrace, Which};

/// What is opened.
pub struct Chosen {
    /// The recording's name.
    pub recording: String,
    pub ready: Ready,
    /// Its text, if it has any, and whether that is compressed.
    pub text: Option<TextOf>,
    /// What to know of what was given, one sentence each.
    pub notes: Vec<String>,
    /// What else would open.
    pub others: Vec<OtherTrace>,
    pub workers: Option<Workers>,
}

/// The worker that is opened, and the others beside it.
pub struct Workers {
    pub opened: OfWorker,
    /// What every worker brings into the comparison; the opened one's is made again once its trace is read.
    pub compared: Vec<Compared>,
    pub place: usize,
}

/// Finds out what was given, and reads what stands beside the trace that is opened. What cannot be opened is said, and
/// the next is tried.
pub async fn choose(files: Vec<(FileHead, Blob)>, wanted: Option<&str>) -> Result<Chosen, String> {
    let mut plan = plan_of(files).await;
    let mut said = std::mem::take(&mut plan.said);
    let order = plan.order(wanted);
    let mut left = order.into_iter();
    let (chosen, mut ready, text) = loop {
        let Some(chosen) = left.next() else {
            said.extend(plan.conclude());
            let why: Vec<String> = said.iter().map(sentence).collect();
            let nothing = || "no file was given".to_owned();
            return Err(if why.is_empty() { nothing() } else { why.join(" ") });
        };
        match opened(&plan, chosen).await {
            Ok((ready, text)) => break (chosen, ready, text),
            Err(why) => said.extend(plan.tell(chosen, Err(why))),
        }
    };
    let mut left: Vec<usize> = left.collect();
    order::sort(&mut left);
    let mut workers = None;
    if let Some(opened) = plan.of_worker(chosen, &ready) {
        let (mut compared, mut place) = (Vec::new(), 0);
        for i in plan.workers() {
            if i == chosen {
                place = compared.len();
                compared.push(opened.compared(None));
                continue;
            }
            if let Ok(beside) = gathered(&plan, i, false).await {
                compared.extend(plan.of_worker(i, &beside).map(|of| of.compared(None)));
                said.extend(beside.says);
            }
        }
        workers = Some(Workers {
            opened,
            compared,
            place,
        });
    }
    said.append(&mut ready.says);
    // What is left out would open.
    for &i in [&chosen].into_iter().chain(&left) {
        said.extend(plan.tell(i, Ok(())));
    }
    said.extend(plan.conclude());
    let left_out = plan.left_out(chosen, &left);
    let other = |name: &String| OtherTrace {
        name: name.clone(),
        events: None,
        which: Which {
            recording: Some(name.clone()),
            document: 0,
        },
    };
    let others = left_out.iter().map(other).collect();
    let left_out = left_out.join(", ");
    let left_out = (!left_out.is_empty()).then(|| format!("A page holds one trace; not opened: {left_out}."));
    Ok(Chosen {
        recording: plan.recordings[chosen].name.clone(),
        others,
        ready,
        text,
        notes: left_out.into_iter().chain(said.iter().map(sentence)).collect(),
        workers,
    })
}

fn sentence(said: &Said) -> String {
    format!("{}: {}.", said.about, said.says)
}

/// A text, and whether it is compressed.
type TextOf = (FileHead, Blob, bool);

async fn opened(plan: &Plan<Blob>, recording: usize) -> Result<(Ready, Option<TextOf>), Failure> {
    let mut ready = gathered(plan, recording, true).await?;
    let text = match std::mem::replace(&mut ready.text, Text::Nothing) {
        Text::Nothing => return Ok((ready, None)),
        Text::Made(text) => in_memory(&text),
        Text::File(file) => blob(plan.place(file)).await,
    };
    let text = text.map_err(Failure::Unreadable)?;
    let head = bytes_of(&text, 0..HEAD).await.map_err(Failure::Unreadable)?;
    if let Err(why) = is_readable(&head, head.len() as u64 >= size(&text))
        && plan.opens_tables_alone(recording, &mut ready, &why)
    {
        return Ok((ready, None));
    }
    let (name, bytes) = (ready.name.clone(), size(&text));
    let text = (FileHead { name, bytes }, text, session::is_gzip(&head));
    Ok((ready, Some(text)))
}

async fn gathered(plan: &Plan<Blob>, recording: usize, is_opened: bool) -> Result<Ready, Failure> {
    let mut gathering = plan.gather(recording, is_opened);
    while let Some((file, limit)) = gathering.poll(plan) {
        gathering.provide(read_whole(plan.place(file), limit).await);
    }
    // Archives are unpacked piece by piece; tables are read whole.
    post(&Reply::Computing);
    let ready = plan.ready(recording, gathering);
    post(&Reply::Computed);
    ready
}

async fn plan_of(files: Vec<(FileHead, Blob)>) -> Plan<Blob> {
    let input = |(head, source): (FileHead, Blob)| Input {
        shown: head.name.clone(),
        folder: String::new(),
        entry: Entry {
            path: head.name,
            source,
            kind: EntryKind::File { bytes: head.bytes },
        },
    };
    let mut opening = Opening::new(files.into_iter().map(input).collect());
    loop {
        let provided = match opening.poll() {
            Need::Done => return opening.finish(),
            // A browser lists a folder whole before it hands it over.
            Need::List(_) => Err("this folder cannot be listed".to_owned()),
            Need::Read { source, range } => bytes_of(&source, range).await.map(Provided::Bytes),
            Need::Head { place, len } => head_of(&place, len).await.map(Provided::Bytes),
            Need::Stream(file) => {
                let feed = |piece: &[u8]| {
                    opening.feed(piece);
                    true
                };
                each_piece(&file, feed).await.map(|()| Provided::End)
            }
        };
        opening.provide(provided);
    }
}
