//! A recording that shows no server at work: of graph captures, of training, of the front-end process. Three answers to
//! one question, of which a trace gets one at most.

use super::shared::finding;
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &["graph-capture-recording", "training-trace", "front-end-trace"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let (id, says, advice) = match facts.vocabulary.recording? {
        RecordingKind::GraphCapture => (
            "graph-capture-recording",
            "This recording shows the capture of device graphs before the server serves: its operators and launches \
             ran once each, and most of the device's work is not in it.",
            "To see steps, open the trace that the profiler wrote while the server served: it replays these graphs. \
             Keep this recording to look up which operators a graph holds.",
        ),
        RecordingKind::Training => (
            "training-trace",
            "This is a trace of training (it has backward operators or optimizer steps), not of a server: Stepscope \
             shows no prefill or decode steps for it.",
            "The views of operators, device and timeline are valid. To see a server's steps, open the trace of a \
             process that serves requests.",
        ),
        RecordingKind::FrontEnd => (
            "front-end-trace",
            "This is the trace of a server's front-end process, which takes requests and runs no model: it has no steps \
             and no device work.",
            "Open the trace of a worker process of the same recording: its file lies beside this one and has a rank in \
             its name.",
        ),
    };
    Some(Finding {
        advice: advice.into(),
        ..finding(id, Level::Hint, Sure::Derived, "timeline", says.into())
    })
}
