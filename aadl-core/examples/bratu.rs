//! A fixed-point problem that has nothing to do with networks: the Bratu equation
//! `u'' + lambda e^u = 0` on (0, 1), `u(0) = u(1) = 0` (a model of ignition), by finite differences
//! and Jacobi sweeps, plainly and accelerated.
//!
//! `cargo run --release -p aadl-core --example bratu`

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config, Stop, solve};
use aadl_core::math::{Libm, Math, sqrt};

/// Inner grid points.
const N: usize = 63;
const LAMBDA: f64 = 2.0;
const TOLERANCE: f64 = 1e-8;

/// One Jacobi sweep: every point from its old neighbours.
fn sweep(u: &mut [f64]) {
    let h = 1.0 / (N as f64 + 1.0);
    let mut left = 0.0;
    for i in 0..u.len() {
        let (here, right) = (u[i], u.get(i + 1).copied().unwrap_or(0.0));
        u[i] = 0.5 * (left + right + h * h * LAMBDA * Libm::exp(here));
        left = here;
    }
}

fn main() -> Result<(), Error> {
    let mut plain = [0.0; N];
    let mut sweeps = 0;
    loop {
        let before = plain;
        sweep(&mut plain);
        sweeps += 1;
        let norm2 = plain.iter().zip(before).map(|(u, v)| (u - v) * (u - v)).sum();
        if sqrt::<f64>(norm2) <= TOLERANCE {
            break;
        }
    }
    println!("plain Jacobi:  {sweeps:6} sweeps, u(1/2) = {:.6}", plain[N / 2]);

    let mut accelerator = Anderson::<N, 10, f64>::new();
    let mut u = [0.0; N];
    let solution =
        solve(&mut accelerator.view(), &Config::DEFAULT, &mut u, TOLERANCE, 10_000, sweep)?;
    assert_eq!(solution.stop, Stop::Converged);
    println!("accelerated:   {:6} sweeps, u(1/2) = {:.6}", solution.evaluations, u[N / 2]);
    println!("state: {} bytes; {:?}", size_of_val(&accelerator), accelerator.stats());
    Ok(())
}
