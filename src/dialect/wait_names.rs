//! In which calls a thread waits for others, by the names of python frames and of SGLang's annotations.
//!
//! Of a wait in the interpreter's own code the innermost frame is `<built-in method …>`. Calls of pyzmq are compiled
//! and have no frame: the frame that calls them is the innermost.

use crate::index::trace_columns::Index;

use super::pattern::{Rest, has, python_frame};
use super::vocabulary::WaitNames;

/// A recorded wait of so long is one for requests, whatever else there is …
const LONG_NS: i64 = 100_000_000;
/// … or from this on, where it is longer than so many of the usual ones: a worker waits a little before every step.
const MIN_NS: i64 = 1_000_000;
const TIMES_MEDIAN: i64 = 2;

/// Whether a recorded wait between two steps is so much longer than usual that it is one for requests.
pub fn is_long(ns: i64, median: i64) -> bool {
    ns >= LONG_NS || ns > median.saturating_mul(TIMES_MEDIAN).max(MIN_NS)
}

/// What a name's call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For a thread, a lock, a file: whatever it is.
    ForOthers,
    /// For what comes through a queue or a socket of ZeroMQ.
    ForMessages,
    /// For the scheduler to have work.
    ForScheduler,
    /// For nothing: it looks whether requests came.
    LooksForRequests,
}

/// The names of a trace in which threads wait.
pub fn wait_names(index: &Index) -> WaitNames {
    let mut names = WaitNames::default();
    for (id, text) in index.names.iter() {
        let Some(wait) = wait(text) else {
            continue;
        };
        match wait {
            Wait::ForOthers => names.for_others.insert(id),
            Wait::ForMessages => names.for_others.insert(id) && names.for_messages.insert(id),
            Wait::ForScheduler => names.for_scheduler.insert(id),
            Wait::LooksForRequests => names.looks_for_requests.insert(id),
        };
    }
    names
}

fn wait(text: &str) -> Option<Wait> {
    const BUILT_IN: [&str; 10] = [
        "recv",
        "poll",
        "select",
        "epoll",
        "sleep",
        "acquire",
        "accept",
        "wait",
        "read",
        "getaddrinfo",
    ];
    if text == "scheduler.recv_requests" {
        return Some(Wait::LooksForRequests);
    }
    let mut rest = Rest(text);
    // A method has the object that it belongs to behind its name, a function of a module has nothing.
    if rest.eat("<built-in method ").is_some() || rest.eat("<built-in function ").is_some() {
        let method = rest.0.split(' ').next().unwrap_or("");
        let is_queue = method == "get" && text.contains("SimpleQueue");
        let waits = BUILT_IN.iter().any(|word| method.starts_with(word));
        return match is_queue || waits && text.contains("zmq") {
            true => Some(Wait::ForMessages),
            false => waits.then_some(Wait::ForOthers),
        };
    }
    let (file, function) = python_frame(text)?;
    let path = text.split(".py(").next()?;
    match (file, function) {
        ("poll", "poll") | ("socket", "poll") | ("_zmq", "zmq_poll") if has(path, "zmq") => {
            Some(Wait::ForMessages)
        }
        ("queues", "get") if has(path, "multiprocessing") => Some(Wait::ForMessages),
        ("socket", _) if has(path, "zmq") && function.starts_with("recv") => Some(Wait::ForMessages),
        ("queue", "get") => Some(Wait::ForMessages),
        ("threading", "wait") | ("selectors", "select") => Some(Wait::ForOthers),
        ("connection", "wait" | "poll" | "recv" | "recv_bytes") if has(path, "multiprocessing") => {
            Some(Wait::ForOthers)
        }
        ("shm_broadcast", "dequeue" | "acquire_read") => Some(Wait::ForScheduler),
        (_, "recv_requests") if has(path, "sglang") => Some(Wait::LooksForRequests),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_known_by_the_innermost_frame_that_is_recorded() {
        for (text, expected) in [
            (
                "<built-in method acquire of _thread.lock object at 0x7f>",
                Some(Wait::ForOthers),
            ),
            (
                "<built-in method poll of zmq.backend.cython._poll.Poller object at 0x1>",
                Some(Wait::ForMessages),
            ),
            ("<built-in function sleep>", Some(Wait::ForOthers)),
            ("<built-in function select>", Some(Wait::ForOthers)),
            ("<built-in function linear>", None),
            ("<built-in method matmul of type object at 0x7f>", None),
            ("zmq/sugar/poll.py(106): poll", Some(Wait::ForMessages)),
            (
                "zmq/sugar/socket.py(900): recv_multipart",
                Some(Wait::ForMessages),
            ),
            ("zmq/sugar/socket.py(700): send_multipart", None),
            ("torch/utils/socket.py(7): recv", None),
            ("queue.py(154): get", Some(Wait::ForMessages)),
            ("multiprocessing/queues.py(101): get", Some(Wait::ForMessages)),
            ("torch/queues.py(101): get", None),
            ("threading.py(355): wait", Some(Wait::ForOthers)),
            (
                "<built-in method get of _queue.SimpleQueue object at 0x7f>",
                Some(Wait::ForMessages),
            ),
            ("<built-in method get of dict object at 0x7f>", None),
            (
                "zmq/backend/cython/_zmq.py(1345): zmq_poll",
                Some(Wait::ForMessages),
            ),
            ("multiprocessing/connection.py(246): recv", Some(Wait::ForOthers)),
            ("vllm/connection.py(246): recv", None),
            (
                "vllm/distributed/device_communicators/shm_broadcast.py(500): dequeue",
                Some(Wait::ForScheduler),
            ),
            (
                "sglang/srt/managers/scheduler.py(900): recv_requests",
                Some(Wait::LooksForRequests),
            ),
            ("scheduler.recv_requests", Some(Wait::LooksForRequests)),
            ("scheduler.run_batch", None),
        ] {
            assert_eq!(wait(text), expected, "{text}");
        }
    }
}
