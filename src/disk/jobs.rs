//! Several things at once, each on a thread of its own.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Where nobody says how many: each job holds a trace, and memory is shared with the server that is looked at.
const MOST_UNASKED: usize = 4;

/// One for each core, but few.
pub fn unasked() -> NonZeroUsize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cores.min(MOST_UNASKED)).unwrap_or(NonZeroUsize::MIN)
}

/// The outcomes of `work` for each number below `n`, in the order of the numbers, `jobs` of them at once.
pub fn in_order<T: Send>(n: usize, jobs: NonZeroUsize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if jobs.get() == 1 || n < 2 {
        return (0..n).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let one_job = || -> Vec<(usize, T)> {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|&i| i < n).map(|i| (i, work(i))).collect()
    };
    let mut outcomes: Vec<(usize, T)> = thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs.get().min(n)).map(|_| scope.spawn(one_job)).collect();
        let joined = jobs.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .flat_map(|of_job| of_job.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    outcomes.sort_unstable_by_key(|(i, _)| *i);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};

    #[test]
    fn outcomes_come_in_order_though_the_first_is_done_last() {
        let (n_done, changed) = (Mutex::new(0), Condvar::new());
        let work = |i: usize| {
            let mut done = n_done.lock().unwrap();
            // The first waits for all others, which takes two threads.
            while i == 0 && *done < 4 {
                done = changed.wait(done).unwrap();
            }
            *done += 1;
            changed.notify_all();
            i * 10
        };
        assert_eq!(
            in_order(5, NonZeroUsize::new(2).unwrap(), work),
            [0, 10, 20, 30, 40]
        );
    }

    #[test]
    fn no_more_than_asked_are_done_at_once() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        };
        assert_eq!(in_order(100, NonZeroUsize::new(3).unwrap(), work).len(), 100);
        assert!((1..=3).contains(&most.into_inner()));
    }
}
