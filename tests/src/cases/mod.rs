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

/// All cases, with the kernels `K`.
pub const fn cases<K: Kernels>() -> &'static [Case] {
    Table::<K>::CASES
}

struct Table<K>(core::marker::PhantomData<K>);

impl<K: Kernels> Table<K> {
    const CASES: &'static [Case] = &[
        case("kernels::dot", 1000, kernels::dot::<K>),
        case("kernels::blocks", 1000, kernels::blocks::<K>),
        case("kernels::elementwise", 1000, kernels::elementwise::<K>),
        case("kernels::extremes", 1000, kernels::extremes::<K>),
        case("kernels::dense_f32", 1000, kernels::dense::<K, f32>),
        case("kernels::dense_f64", 1000, kernels::dense::<K, f64>),
        case("math::libm_f32", 1000, math::libm::<f32>),
        case("math::libm_f64", 1000, math::libm::<f64>),
        #[cfg(feature = "micromath")]
        case("math::micromath", 1000, math::micromath),
        case("math::sqrt", 1000, math::square_roots),
        case("math::random", 1000, math::random),
        case("gram::exact", 1000, gram::exact::<K>),
        case("gram::exact_scales", 1000, gram::scales::<K>),
        case("gram::exact_blocks", 1000, gram::blocks::<K>),
        case("gram::wide_f32", 1000, gram::wide::<K, f32>),
        case("gram::wide_f64", 1000, gram::wide::<K, f64>),
        case("least_squares::cholesky_f32", 1000, least_squares::cholesky::<f32>),
        case("least_squares::cholesky_f64", 1000, least_squares::cholesky::<f64>),
        case("least_squares::qr_f32", 1000, least_squares::qr::<K, f32>),
        case("least_squares::qr_f64", 1000, least_squares::qr::<K, f64>),
        case("average::window", 1000, average::window),
        case("average::running", 1000, average::running),
        case("anderson::default", 1000, anderson::default::<K>),
        case("anderson::owner", 1000, anderson::owner::<K>),
        case("anderson::wide", 1000, anderson::wide::<K>),
        case("anderson::f64", 1000, anderson::float64::<K>),
        case("anderson::qr", 1000, anderson::qr::<K>),
        case("anderson::loss", 1000, anderson::loss::<K>),
        case("anderson::residual", 1000, anderson::residual::<K>),
        case("anderson::schedule", 1000, anderson::schedule::<K>),
        case("anderson::absolute", 1000, anderson::absolute::<K>),
        case("anderson::unregularized", 1000, anderson::unregularized::<K>),
        case("anderson::deep", 1000, anderson::deep::<K>),
        case("anderson::solve", 1000, anderson::solve::<K>),
        case("limits::non_finite", 1000, limits::non_finite::<K>),
        case("limits::converged", 1000, limits::converged::<K>),
        case("limits::powers_of_two", 1000, limits::powers_of_two::<K>),
        case("optim::sgd", 1000, optim::sgd),
        case("optim::rmsprop", 1000, optim::rmsprop),
        case("optim::adam", 1000, optim::adam),
        case("optim::f64", 1000, optim::float64),
        case("optim::grouped", 1000, optim::grouped),
        case("optim::averaged", 1000, optim::averaged),
        case("accelerated::sgd", 1000, accelerated::sgd),
        case("accelerated::groups", 1000, accelerated::groups),
        case("accelerated::nested", 1000, accelerated::nested),
        case("network::init", 1000, network::init),
        case("network::activations", 1000, network::activations::<K>),
        case("network::losses", 1000, network::losses::<K>),
        case("network::f64", 1000, network::float64::<K>),
        case("network::predict", 1000, network::predict::<K>),
        case("training::full_batch", 1000, training::full_batch::<K>),
        case("training::f64", 1000, training::float64::<K>),
        case("training::mini_batch", 1000, training::mini_batch::<K>),
        case("training::stream", 1000, training::stream::<K>),
        case("training::large", 1000, training::large::<K>),
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
