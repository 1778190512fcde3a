//! The cases. Each computes something that the numeric contract covers, shows every number to the
//! trace, and asserts what must hold of the numbers wherever they are computed.
//!
//! Buffers are arrays on the stack. `stack` says how much of it a case needs on a 32-bit device, so
//! that one with little RAM runs what fits; devices check it.

mod accelerated;
mod anderson;
mod average;
mod gram;
mod kernels;
mod least_squares;
mod limits;
mod math;
mod network;
mod optim;
mod training;

use crate::trace::Trace;
use aadl_core::kernels::Kernels;
use aadl_core::random::Random;
use aadl_core::{Error, Real};

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name, by which `digests.txt` knows it.
    pub name: &'static str,
    /// Bytes of stack that it needs on a 32-bit device.
    pub stack: usize,
    /// Computes, and shows what it computes.
    pub run: fn(&mut Trace<'_>) -> Outcome,
}

/// What a case found.
pub type Outcome<T = ()> = Result<T, Failure>;

/// What went wrong in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A call that should have succeeded did not.
    Error(Error),
    /// What was computed has not the property it must have.
    Property {
        /// The condition.
        what: &'static str,
        /// Where it is checked.
        file: &'static str,
        /// The line there.
        line: u32,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Ends the case with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            let (what, file, line) = (stringify!($condition), file!(), line!());
            return Err($crate::Failure::Property { what, file, line });
        }
    };
}
use ensure;

/// All cases, with the kernels `K` where there is a choice: optimizers, averages and the owner
/// `Anderson` have none.
pub const fn cases<K: Kernels>() -> &'static [Case] {
    Table::<K>::CASES
}

struct Table<K>(core::marker::PhantomData<K>);

impl<K: Kernels> Table<K> {
    const CASES: &'static [Case] = &[
        case("kernels::dot", 11008, kernels::dot::<K>),
        case("kernels::blocks", 76544, kernels::blocks::<K>),
        case("kernels::elementwise", 3072, kernels::elementwise::<K>),
        case("kernels::extremes", 896, kernels::extremes::<K>),
        case("kernels::dense_f32", 4480, kernels::dense::<K, f32>),
        case("kernels::dense_f64", 7808, kernels::dense::<K, f64>),
        case("math::libm_f32", 640, math::libm::<f32>),
        case("math::libm_f64", 896, math::libm::<f64>),
        #[cfg(feature = "micromath")]
        case("math::micromath", 640, math::micromath),
        case("math::sqrt", 640, math::square_roots),
        case("math::random", 640, math::random),
        case("gram::exact", 12288, gram::exact::<K>),
        case("gram::exact_scales", 2560, gram::scales::<K>),
        case("gram::exact_blocks", 57600, gram::blocks::<K>),
        case("gram::wide_f32", 3712, gram::wide::<K, f32>),
        case("gram::wide_f64", 5760, gram::wide::<K, f64>),
        case("least_squares::cholesky_f32", 2176, least_squares::cholesky::<f32>),
        case("least_squares::cholesky_f64", 3712, least_squares::cholesky::<f64>),
        case("least_squares::qr_f32", 2560, least_squares::qr::<K, f32>),
        case("least_squares::qr_f64", 3712, least_squares::qr::<K, f64>),
        case("average::window", 2816, average::window),
        case("average::running", 1536, average::running),
        case("anderson::default", 3712, anderson::default::<K>),
        case("anderson::owner", 4992, anderson::owner::<K>),
        case("anderson::wide", 3712, anderson::wide::<K>),
        case("anderson::f64", 5248, anderson::float64::<K>),
        case("anderson::qr", 5376, anderson::qr::<K>),
        case("anderson::loss", 3712, anderson::loss::<K>),
        case("anderson::residual", 3712, anderson::residual::<K>),
        case("anderson::schedule", 3712, anderson::schedule::<K>),
        case("anderson::absolute", 3712, anderson::absolute::<K>),
        case("anderson::unregularized", 3712, anderson::unregularized::<K>),
        case("anderson::deep", 13568, anderson::deep::<K>),
        case("anderson::solve", 5120, anderson::solve::<K>),
        case("limits::non_finite", 2944, limits::non_finite::<K>),
        case("limits::converged", 2816, limits::converged::<K>),
        case("limits::powers_of_two", 3840, limits::powers_of_two::<K>),
        case("optim::sgd", 1152, optim::sgd),
        case("optim::rmsprop", 1408, optim::rmsprop),
        case("optim::adam", 1792, optim::adam),
        case("optim::f64", 1664, optim::float64),
        case("optim::grouped", 1280, optim::grouped),
        case("optim::averaged", 2688, optim::averaged),
        case("accelerated::sgd", 6656, accelerated::sgd),
        case("accelerated::groups", 6528, accelerated::groups),
        case("accelerated::nested", 6528, accelerated::nested),
        case("network::init", 1792, network::init),
        case("network::activations", 3200, network::activations::<K>),
        case("network::losses", 3200, network::losses::<K>),
        case("network::f64", 4480, network::float64::<K>),
        case("network::predict", 2688, network::predict::<K>),
        case("training::full_batch", 6656, training::full_batch::<K>),
        case("training::f64", 11008, training::float64::<K>),
        case("training::mini_batch", 5376, training::mini_batch::<K>),
        case("training::stream", 4096, training::stream::<K>),
        case("training::large", 132224, training::large::<K>),
    ];
}

const fn case(name: &'static str, stack: usize, run: fn(&mut Trace<'_>) -> Outcome) -> Case {
    Case { name, stack, run }
}

/// Uniform on `[-1, 1)`.
fn signed<T: Real>(random: &mut Random) -> T {
    let u: T = random.uniform();
    u + u - T::ONE
}

/// `N` numbers uniform on `[-1, 1)`.
fn vector<T: Real, const N: usize>(random: &mut Random) -> [T; N] {
    core::array::from_fn(|_| signed(random))
}

/// Whether two slices have the same bits.
fn same<T: Real>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits())
}
