//! Steps on made-up data, for whatever times them.

use std::time::{Duration, Instant};

use aadl_core::Error;
use aadl_core::kernels::{Column, Kernels};
use aadl_core::multisecant::{Config, Told};
use aadl_core::random::Random;
use aadl_host::owned::MultisecantVec;

/// Vectors of a stream: a prime, so that the same differences do not come back in the same places of a
/// history.
const STREAM: usize = 7;

/// Vectors of `n` random numbers that steps take turns with.
pub fn stream(n: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(1);
    (0..STREAM).map(|_| (0..n).map(|_| random.uniform::<f32>() - 0.5).collect()).collect()
}

/// Steps without a learning rate, with these gradients in turn and losses that let every point be
/// accepted. A step is a `tell` and an `ask`, and says how long they took.
///
/// # Errors
/// Those of [`MultisecantVec::new`], for the number of pairs.
pub fn engine<C: Column, K: Kernels>(
    pairs: usize,
    gradients: &[Vec<f32>],
) -> Result<impl FnMut() -> Result<(Told, Duration), Error>, Error> {
    let n = gradients.first().map_or(0, Vec::len);
    let mut owner = MultisecantVec::<C, K>::new(n, pairs)?;
    let (mut x, mut gradient, mut gradients) =
        (vec![0.0; n], vec![0.0; n], gradients.iter().cycle());
    let mut loss = 0.0;
    Ok(move || {
        if let Some(next) = gradients.next() {
            gradient.copy_from_slice(next);
        }
        loss -= 1.0;
        let start = Instant::now();
        let told = owner.view().tell(&Config::DEFAULT, &mut x, loss, &mut gradient)?;
        owner.view().ask(&Config::DEFAULT, &mut x)?;
        Ok((told, start.elapsed()))
    })
}
