//! What the promised bits cost: the training step of a small network beside that of the same kernels
//! with fused multiplication and addition, whose bits are others.
//!
//! `cargo bench -p aadl-bench --bench fused` times both in turn and prints the ratio of the least times.
//! The tiles are like those of the core with AVX-512; only the innermost operation differs.

#[cfg(target_arch = "x86_64")]
mod fused {
    use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use aadl_core::Real;
    use aadl_core::kernels::Kernels;
    use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
    use aadl_core::optim::{Optimizer, Sgd, SgdConfig};
    use aadl_core::random::Random;
    use aadl_host::simd::{Avx2, Avx512, Fastest};

    const ROUNDS: usize = 40;
    const ROUND: Duration = Duration::from_millis(10);
    /// Outputs of a tile.
    const ROWS: usize = 4;
    /// Samples of a tile of the forward product.
    const SAMPLES: usize = 16;
    /// The most inputs of a layer here.
    const PANEL: usize = 64;

    /// The fused variant.
    struct Fused;

    /// Calls a function of the module for the registers that there are.
    macro_rules! dispatch {
        ($name:ident($($argument:expr),*)) => {
            // SAFETY: `main` has found FMA and AVX2; AVX-512 is asked for here.
            unsafe {
                if Avx512::is_available() {
                    wide::$name($($argument),*)
                } else {
                    narrow::$name($($argument),*)
                }
            }
        };
    }

    impl Kernels for Fused {
        fn all_finite<T: Real>(x: &[T]) -> bool {
            Fastest::all_finite(x)
        }

        fn dense_forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) {
            let (w, b, x, y) = (single(weights), single(bias), single(inputs), single_mut(outputs));
            dispatch!(forward(w, b, x, y))
        }

        fn dense_backward_input<T: Real>(w: &[T], outputs: usize, delta: &[T], upstream: &mut [T]) {
            upstream.fill(T::ZERO);
            add_products(upstream, w, w.len() / outputs, delta, (outputs, 1));
        }

        fn dense_backward_weights<T: Real>(delta: &[T], x: &[T], w: &mut [T], bias: &mut [T]) {
            let outputs = bias.len();
            add_products(bias, delta, outputs, &[T::ONE], (0, 0));
            let width = w.len() / outputs;
            add_products(w, x, width, delta, (1, outputs));
        }

        fn dense_backward_weights_from_zero<T: Real>(
            delta: &[T],
            x: &[T],
            weights: &mut [T],
            bias: &mut [T],
        ) {
            weights.fill(T::ZERO);
            bias.fill(T::ZERO);
            Self::dense_backward_weights(delta, x, weights, bias);
        }
    }

    /// [`accumulate`] for the registers that there are.
    fn add_products<T: Real>(y: &mut [T], x: &[T], width: usize, d: &[T], step: (usize, usize)) {
        let (y, x, d) = (single_mut(y), single(x), single(d));
        dispatch!(accumulate(y, x, width, d, step))
    }

    /// The slice itself: training here is in float32.
    fn single<T: Real>(x: &[T]) -> &[f32] {
        T::single(x).expect("float32")
    }

    /// [`single`] to be changed.
    fn single_mut<T: Real>(x: &mut [T]) -> &mut [f32] {
        single(x);
        // SAFETY: `T` is `f32`, or the line above would have panicked.
        unsafe { &mut *(std::ptr::from_mut(x) as *mut [f32]) }
    }

    /// Fills a panel with `x`, square by square.
    fn turn(x: &[f32], inputs: usize, panel: &mut [[f32; SAMPLES]]) {
        for s in (0..SAMPLES).step_by(4) {
            let rows: [&[f32]; 4] = std::array::from_fn(|i| &x[(s + i) * inputs..][..inputs]);
            for (k, to) in panel.chunks_exact_mut(4).enumerate() {
                let turned = square(rows.map(|row| &row[4 * k..][..4]));
                for (to, turned) in to.iter_mut().zip(turned) {
                    to[s..s + 4].copy_from_slice(&turned);
                }
            }
        }
    }

    /// Four rows of four, turned.
    fn square(rows: [&[f32]; 4]) -> [[f32; 4]; 4] {
        let mut turned = [[0.0; 4]; 4];
        // SAFETY: SSE belongs to every x86-64; each load and store is of a slice's or an array's four.
        unsafe {
            let [mut a, mut b, mut c, mut d] = rows.map(|row| _mm_loadu_ps(row[..4].as_ptr()));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (to, from) in turned.iter_mut().zip([a, b, c, d]) {
                _mm_storeu_ps(to.as_mut_ptr(), from);
            }
        }
        turned
    }

    /// The kernels in a module for these features, with registers of this type. Compilers do not vectorise
    /// `mul_add` in loops like those of the core.
    macro_rules! kernels {
        ($module:ident, $features:literal, $Register:ident, $set:ident, $load:ident, $store:ident,
            $fused:ident) => {
            mod $module {
                use std::arch::x86_64::{$Register, $fused, $load, $set, $store};

                use super::{PANEL, ROWS, SAMPLES, square, turn};

                const LANES: usize = size_of::<$Register>() / 4;
                /// Registers of a row of the panel.
                const ABREAST: usize = SAMPLES / LANES;
                /// Registers of a row of a tile of [`accumulate`], at most.
                const MOST: usize = if LANES == 16 { 4 } else { 2 };

                /// Samples in multiples of [`SAMPLES`], at most [`PANEL`] inputs, in multiples of 4.
                #[target_feature(enable = $features)]
                pub(super) fn forward(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
                    let outputs = bias.len();
                    let inputs = weights.len() / outputs;
                    let mut panel = [[0.0; SAMPLES]; PANEL];
                    let panel = &mut panel[..inputs];
                    let tiles = x.chunks_exact(SAMPLES * inputs);
                    for (x, y) in tiles.zip(y.chunks_exact_mut(SAMPLES * outputs)) {
                        turn(x, inputs, panel);
                        let whole = outputs - outputs % ROWS;
                        for first in (0..whole).step_by(ROWS) {
                            forward_tile::<ROWS>(weights, bias, panel, y, first);
                        }
                        for first in whole..outputs {
                            forward_tile::<1>(weights, bias, panel, y, first);
                        }
                    }
                }

                #[target_feature(enable = $features)]
                fn forward_tile<const O: usize>(
                    weights: &[f32],
                    bias: &[f32],
                    panel: &[[f32; SAMPLES]],
                    y: &mut [f32],
                    first: usize,
                ) {
                    let (inputs, outputs) = (panel.len(), bias.len());
                    let mut w = [[].as_slice(); O];
                    let mut sums = [[$set(0.0); ABREAST]; O];
                    for o in 0..O {
                        w[o] = &weights[(first + o) * inputs..][..inputs];
                        sums[o] = [$set(bias[first + o]); ABREAST];
                    }
                    for (k, x) in panel.iter().enumerate() {
                        for o in 0..O {
                            for (sum, x) in sums[o].iter_mut().zip(x.chunks_exact(LANES)) {
                                // SAFETY: the chunk has the elements of a register.
                                let x = unsafe { $load(x.as_ptr()) };
                                *sum = $fused($set(w[o][k]), x, *sum);
                            }
                        }
                    }
                    let mut turned = [[0.0; SAMPLES]; O];
                    for (to, sums) in turned.iter_mut().zip(sums) {
                        for (to, sum) in to.chunks_exact_mut(LANES).zip(sums) {
                            // SAFETY: the chunk has the elements of a register.
                            unsafe { $store(to.as_mut_ptr(), sum) };
                        }
                    }
                    if O == ROWS {
                        for (q, y) in y.chunks_exact_mut(4 * outputs).enumerate() {
                            let rows = std::array::from_fn(|o| &turned[o][4 * q..][..4]);
                            for (y, four) in y.chunks_exact_mut(outputs).zip(square(rows)) {
                                y[first..first + 4].copy_from_slice(&four);
                            }
                        }
                        return;
                    }
                    for (s, y) in y.chunks_exact_mut(outputs).enumerate() {
                        for (y, sums) in y[first..].iter_mut().zip(&turned) {
                            *y = sums[s];
                        }
                    }
                }

                /// `results[r] += sum_k factors[r * step.0 + k * step.1] terms[k]`.
                #[target_feature(enable = $features)]
                pub(super) fn accumulate(
                    results: &mut [f32],
                    terms: &[f32],
                    width: usize,
                    factors: &[f32],
                    step: (usize, usize),
                ) {
                    let mut from = 0;
                    while width - from >= MOST * LANES {
                        stripe::<MOST>(results, terms, (width, from), factors, step);
                        from += MOST * LANES;
                    }
                    while width - from >= 2 * LANES {
                        stripe::<2>(results, terms, (width, from), factors, step);
                        from += 2 * LANES;
                    }
                    while width - from >= LANES {
                        stripe::<1>(results, terms, (width, from), factors, step);
                        from += LANES;
                    }
                    if from == width {
                        return;
                    }
                    for (r, results) in results.chunks_mut(width).enumerate() {
                        for (k, terms) in terms.chunks(width).enumerate() {
                            let factor = factors[r * step.0 + k * step.1];
                            for (y, x) in results[from..].iter_mut().zip(&terms[from..]) {
                                *y = factor.mul_add(*x, *y);
                            }
                        }
                    }
                }

                /// `V` registers of columns.
                #[target_feature(enable = $features)]
                fn stripe<const V: usize>(
                    results: &mut [f32],
                    terms: &[f32],
                    (width, from): (usize, usize),
                    factors: &[f32],
                    step: (usize, usize),
                ) {
                    let rows = results.len() / width;
                    // The rows of a tile lie as far apart as those of the core.
                    let share = rows / ROWS;
                    for r in 0..share {
                        let rows = std::array::from_fn(|i| r + i * share);
                        tile::<ROWS, V>(results, terms, (width, from), factors, step, rows);
                    }
                    for r in share * ROWS..rows {
                        tile::<1, V>(results, terms, (width, from), factors, step, [r]);
                    }
                }

                #[target_feature(enable = $features)]
                fn tile<const R: usize, const V: usize>(
                    results: &mut [f32],
                    terms: &[f32],
                    (width, from): (usize, usize),
                    factors: &[f32],
                    step: (usize, usize),
                    rows: [usize; R],
                ) {
                    let mut sums = [[$set(0.0); V]; R];
                    for (sums, r) in sums.iter_mut().zip(rows) {
                        let result = &results[r * width + from..][..V * LANES];
                        for (sum, y) in sums.iter_mut().zip(result.chunks_exact(LANES)) {
                            // SAFETY: the chunk has the elements of a register.
                            *sum = unsafe { $load(y.as_ptr()) };
                        }
                    }
                    for (k, term) in terms.chunks_exact(width).enumerate() {
                        let mut x = [$set(0.0); V];
                        let term = &term[from..][..V * LANES];
                        for (x, term) in x.iter_mut().zip(term.chunks_exact(LANES)) {
                            // SAFETY: as above.
                            *x = unsafe { $load(term.as_ptr()) };
                        }
                        for (sums, r) in sums.iter_mut().zip(rows) {
                            let factor = $set(factors[r * step.0 + k * step.1]);
                            for (sum, x) in sums.iter_mut().zip(x) {
                                *sum = $fused(factor, x, *sum);
                            }
                        }
                    }
                    for (sums, r) in sums.iter().zip(rows) {
                        let result = &mut results[r * width + from..][..V * LANES];
                        for (y, sum) in result.chunks_exact_mut(LANES).zip(sums) {
                            // SAFETY: as above.
                            unsafe { $store(y.as_mut_ptr(), *sum) };
                        }
                    }
                }
            }
        };
    }

    kernels! {
        wide, "avx512f,avx512vl,fma", __m512, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        _mm512_fmadd_ps
    }
    kernels! {
        narrow, "avx2,fma", __m256, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
        _mm256_fmadd_ps
    }

    /// Training on one batch.
    struct Training<K> {
        network: Network<'static, aadl_core::math::Libm, K>,
        sgd: Sgd,
        params: Vec<f32>,
        grad: Vec<f32>,
        scratch: Vec<f32>,
        inputs: Vec<f32>,
        classes: Vec<u8>,
    }

    impl<K: Kernels> Training<K> {
        fn new(layers: &'static [Layer], batch: usize) -> Self {
            let network = Network::new(layers).expect("the layers fit together");
            let mut random = Random::new(1);
            let mut params = vec![0.0; network.params()];
            network.init(Init::PYTORCH, &mut random, &mut params).expect("the length is its own");
            let (grad, scratch) = (params.clone(), vec![0.0; network.scratch(batch)]);
            let inputs = (0..batch * network.inputs()).map(|_| random.uniform()).collect();
            let classes = (0..batch).map(|_| random.below(network.outputs()) as u8).collect();
            let config = SgdConfig { lr: 1e-3, ..SgdConfig::DEFAULT };
            let sgd = Sgd::new(config, []).expect("the settings are valid");
            Self { network, sgd, params, grad, scratch, inputs, classes }
        }

        fn step(&mut self) -> f32 {
            let targets = Targets::Classes(&self.classes);
            let (inputs, grad) = (black_box(&self.inputs), &mut self.grad);
            let scratch = &mut self.scratch;
            let loss = self
                .network
                .loss_and_gradient(Loss::CrossEntropy, &self.params, inputs, targets, grad, scratch)
                .expect("lengths and classes fit");
            self.sgd.step(&mut self.params, &self.grad).expect("the gradient is finite");
            loss
        }

        /// Seconds a step, over a round.
        fn time(&mut self) -> f64 {
            let (start, mut steps) = (Instant::now(), 0);
            while start.elapsed() < ROUND {
                for _ in 0..16 {
                    black_box(self.step());
                }
                steps += 16;
            }
            start.elapsed().as_secs_f64() / f64::from(steps)
        }
    }

    const LAYERS: [Layer; 2] =
        [Layer::dense(64, 32, Activation::Relu), Layer::dense(32, 10, Activation::Identity)];

    pub(super) fn main() {
        if !(Avx2::is_available() && std::arch::is_x86_feature_detected!("fma")) {
            println!("This processor cannot fuse.");
            return;
        }
        let mut ours = Training::<Fastest>::new(&LAYERS, 32);
        let mut fused = Training::<Fused>::new(&LAYERS, 32);
        let (loss, other) = (ours.step(), fused.step());
        assert!((loss - other).abs() <= 1e-5 * loss, "{loss} and {other}");
        let (mut ours_least, mut fused_least) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            ours_least = ours_least.min(ours.time());
            fused_least = fused_least.min(fused.time());
        }
        println!(
            "64-32-10 at batch 32: {:.2} microseconds, fused {:.2}, ratio {:.2}",
            ours_least * 1e6,
            fused_least * 1e6,
            ours_least / fused_least,
        );
    }
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    fused::main();
    #[cfg(not(target_arch = "x86_64"))]
    println!("Only x86-64 has a fused variant here.");
}
