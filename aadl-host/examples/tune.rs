use aadl_core::anderson::*;
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use aadl_core::math::Libm;
fn run<const M: usize>(kappa: f64, seed: u64, cfg: &Config, logu: bool) -> (u32, Stats) {
    const N: usize = 200;
    let mut rng = Random::new(seed);
    let lam: Vec<f64> = (0..N).map(|i| { let u = if logu { rng.uniform::<f64>() } else { i as f64 / 199.0 }; kappa.powf(u - 1.0) }).collect();
    let b: Vec<f64> = (0..N).map(|_| rng.normal::<f64, Libm>()).collect();
    let mut a = Box::new(Anderson::<N, M, f64>::new());
    let mut x = [0.0; N];
    let tol = 1e-6 * b.iter().map(|b| b * b).sum::<f64>().sqrt();
    let s = solve(&mut a.view(), cfg, &mut x, tol, 8000, |x| for i in 0..N { x[i] -= lam[i] * x[i] - b[i]; }).unwrap();
    (s.evaluations, *a.stats())
}
fn main() {
    for logu in [false, true] {
    for freq in [1, 2, 3] { for ridge in [1e-8, 1e-10, 1e-12, 1e-14, 0.0] { for growth in [2.0, 10.0, 1e300] {
        print!("logu={logu} freq={freq} ridge={ridge:e} growth={growth:e}:");
        for kappa in [1e2, 1e3, 1e4] {
            let cfg = Config { frequency: freq, regularization: Regularization::Relative(ridge), safeguard: Safeguard::Residual { growth }, ..Config::DEFAULT };
            let mut r: Vec<u32> = (0..3).map(|s| run::<16>(kappa, s, &cfg, logu).0).collect(); r.sort();
            let mut r8: Vec<u32> = (0..3).map(|s| run::<9>(kappa, s, &cfg, logu).0).collect(); r8.sort();
            print!("  {:5}({:5})", r[1], r8[1]);
        }
        println!();
    }}}}
}
