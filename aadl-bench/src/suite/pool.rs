//! Jobs over threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// `job(0)`, `job(1)`, ... `job(count - 1)` on this many threads. Results are in the order of the
/// jobs, whichever ends first.
///
/// # Errors
/// That of the first job, in order, that failed.
pub fn in_order<T: Send, E: Send>(
    threads: usize,
    count: usize,
    job: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            let result = job(index);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_the_first_error_is_told() {
        for threads in [0, 1, 3, 99] {
            let squares = in_order(threads, 20, |i| Ok::<_, usize>(i * i));
            assert_eq!(squares, Ok((0..20).map(|i| i * i).collect()));
            let odd = |i: usize| if i % 4 == 3 { Err(i) } else { Ok(()) };
            assert_eq!(in_order(threads, 20, odd), Err(3));
        }
        assert_eq!(in_order(2, 0, |_| Ok::<_, ()>(0)), Ok(vec![]));
    }
}
