//! What the worker says, as the page reads it: nothing is lost or mixed up on the way.

use std::fs;
use std::path::PathBuf;

use stepscope::analyze::report::StackSource;
use stepscope::base::Span;
use stepscope::protocol::engine::{Answer, Question, Reply};
use stepscope::protocol::wire;
use stepscope::session::{self, Opened};
use stepscope::table::{Ask, GapsAsk};
use stepscope::view::{FlameOrder, FlameQuestion, StepFilter};

/// The recordings of `tests/data`, one of each family and kind.
fn recordings() -> Vec<(String, Opened)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of recordings")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let opened = session::open_bytes(&name, &fs::read(&path).expect("its bytes")).expect("a trace");
            (name, opened)
        })
        .collect()
}

/// One question of each kind that is answered without the file; all tables that the trace fills.
fn questions(opened: &Opened) -> Vec<Question> {
    let summary = opened.summary();
    let flame = |order| FlameQuestion {
        source: StackSource::ALL[0],
        order,
        window: None,
        thread: None,
        zoom: None,
        width_px: 800,
    };
    let mut questions = vec![
        Question::Steps {
            filter: StepFilter::default(),
            plot_window: Some(Span { start: 0, end: 1 }),
            log: true,
            width_px: 800,
        },
        Question::Tracks,
        Question::Timeline {
            window: summary.extent.unwrap_or_default(),
            width_px: 800,
            parts: Vec::new(),
            find: None,
        },
        Question::Hits {
            text: "a".to_owned(),
            window: summary.extent.unwrap_or_default(),
            width_px: 800,
        },
        Question::Gaps {
            ask: GapsAsk::default(),
        },
        Question::Args { slice: 0 },
        Question::Search { text: "a".to_owned() },
        Question::Flame(flame(FlameOrder::Heavy)),
        Question::Flame(flame(FlameOrder::Time)),
        Question::Folded(flame(FlameOrder::Heavy)),
        Question::Memory {
            device: 0,
            window: None,
            width_px: 800,
        },
        Question::Report {
            format: "json".to_owned(),
        },
    ];
    questions.extend((0..20).map(|index| Question::Step { index }));
    questions.extend((0..200).map(|slice| Question::Slice { slice: slice * 7 }));
    for table in &summary.tables {
        let ask = Ask {
            n_rows: 100,
            ..Ask::default()
        };
        questions.push(Question::Table {
            key: table.key.clone(),
            ask: ask.clone(),
        });
        questions.push(Question::TableFile {
            key: table.key.clone(),
            ask,
            format: "csv".to_owned(),
        });
    }
    questions
}

/// Members that serde skips stay with the worker; all others are in the JSON.
fn assert_arrives(said: &Reply, what: &str) {
    let heard = wire::reply_of(&wire::bytes_of(said).expect("bytes")).expect("a reply");
    let lines = |reply: &Reply| serde_json::to_string_pretty(reply).expect("JSON");
    let (heard, said) = (lines(&heard), lines(said));
    for (heard, said) in heard.lines().zip(said.lines()) {
        assert_eq!(heard, said, "{what}");
    }
    assert_eq!(heard.len(), said.len(), "{what}");
}

#[test]
fn the_page_reads_what_the_worker_said() {
    let recordings = recordings();
    assert!(recordings.len() > 10, "recordings of each family");
    for (name, opened) in recordings {
        let said = Reply::Summary(Box::new(opened.summary()));
        assert_arrives(&said, &name);
        let scene = opened.scene();
        for question in questions(&opened) {
            let mut answer = opened.answer(&scene, &question);
            // A frame's words travel beside the reply.
            if let Answer::Timeline { frame, .. } = &mut answer {
                *frame = None;
            }
            let said = Reply::Answer { id: 7, answer };
            assert_arrives(&said, &format!("{name}: {question:?}"));
        }
    }
}

#[test]
fn bytes_of_something_else_are_refused() {
    let said = wire::bytes_of(&Reply::Answer {
        id: 1,
        answer: Answer::Nothing {
            why: "there is no such step".to_owned(),
        },
    })
    .expect("bytes");
    for short in 0..said.len() {
        assert!(
            wire::reply_of(&said[..short]).is_err(),
            "{short} bytes of {}",
            said.len()
        );
    }
    assert!(wire::reply_of(b"\xff\xff\xff\xff").is_err());
}
