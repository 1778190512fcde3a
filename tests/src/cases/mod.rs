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
mod multisecant;
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
        case("kernels::dot", 12032, kernels::dot::<K>),
        case("kernels::blocks", 83200, kernels::blocks::<K>),
        case("kernels::elementwise", 3712, kernels::elementwise::<K>),
        case("kernels::extremes", 1024, kernels::extremes::<K>),
        case("kernels::dense_f32", 4992, kernels::dense::<K, f32>),
        case("kernels::dense_f64", 8832, kernels::dense::<K, f64>),
        case("math::libm_f32", 768, math::libm::<f32>),
        case("math::libm_f64", 1024, math::libm::<f64>),
        #[cfg(feature = "micromath")]
        case("math::micromath", 768, math::micromath),
        case("math::sqrt", 640, math::square_roots),
        case("math::random", 768, math::random),
        case("gram::exact", 13952, gram::exact::<K>),
        case("gram::exact_scales", 3456, gram::scales::<K>),
        case("gram::exact_blocks", 63104, gram::blocks::<K>),
        case("gram::wide_f32", 3968, gram::wide::<K, f32>),
        case("gram::wide_f64", 6272, gram::wide::<K, f64>),
        case("least_squares::cholesky_f32", 2432, least_squares::cholesky::<f32>),
        case("least_squares::cholesky_f64", 4096, least_squares::cholesky::<f64>),
        case("least_squares::qr_f32", 2816, least_squares::qr::<K, f32>),
        case("least_squares::qr_f64", 4096, least_squares::qr::<K, f64>),
        case("average::window", 3072, average::window),
        case("average::running", 1664, average::running),
        case("average::ema", 1664, average::ema),
        case("anderson::default", 4224, anderson::default::<K>),
        case("anderson::owner", 5632, anderson::owner::<K>),
        case("anderson::wide", 4096, anderson::wide::<K>),
        case("anderson::f64", 5632, anderson::float64::<K>),
        case("anderson::qr", 5760, anderson::qr::<K>),
        case("anderson::loss", 4352, anderson::loss::<K>),
        case("anderson::residual", 4352, anderson::residual::<K>),
        case("anderson::gated", 4352, anderson::gated::<K>),
        case("anderson::schedule", 4352, anderson::schedule::<K>),
        case("anderson::absolute", 4352, anderson::absolute::<K>),
        case("anderson::unregularized", 4352, anderson::unregularized::<K>),
        case("anderson::deep", 9728, anderson::deep::<K>),
        case("anderson::solve", 5632, anderson::solve::<K>),
        case("limits::non_finite", 3584, limits::non_finite::<K>),
        case("limits::converged", 3584, limits::converged::<K>),
        case("limits::powers_of_two", 4608, limits::powers_of_two::<K>),
        case("multisecant::columns_i16", 5632, multisecant::columns::<K, i16>),
        case("multisecant::columns_i8", 4992, multisecant::columns::<K, i8>),
        case("multisecant::columns_f32", 6528, multisecant::columns::<K, f32>),
        case("multisecant::calibration_i16", 8704, multisecant::calibration::<K, i16, 10>),
        case("multisecant::calibration_i8", 6144, multisecant::calibration::<K, i8, 5>),
        case("multisecant::options", 3456, multisecant::options),
        case("optim::sgd", 1536, optim::sgd),
        case("optim::rmsprop", 1664, optim::rmsprop),
        case("optim::adam", 2176, optim::adam),
        case("optim::f64", 2048, optim::float64),
        case("optim::grouped", 1664, optim::grouped),
        case("optim::averaged", 2944, optim::averaged),
        case("accelerated::sgd", 7808, accelerated::sgd),
        case("accelerated::groups", 7552, accelerated::groups),
        case("accelerated::nested", 7296, accelerated::nested),
        case("network::init", 2048, network::init),
        case("network::activations", 3712, network::activations::<K>),
        case("network::losses", 3712, network::losses::<K>),
        case("network::f64", 5248, network::float64::<K>),
        case("network::predict", 3072, network::predict::<K>),
        case("training::full_batch", 7424, training::full_batch::<K>),
        case("training::f64", 12288, training::float64::<K>),
        case("training::mini_batch", 6016, training::mini_batch::<K>),
        case("training::stream", 4608, training::stream::<K>),
        case("training::large", 144000, training::large::<K>),
    ];
}

/// Bytes of RAM of the machine that the program is linked for, if that is a board.
const RAM: Option<usize> = include!(concat!(env!("OUT_DIR"), "/ram.rs"));

/// A case that can never run is not linked: its flash is for the others.
const fn case(name: &'static str, stack: usize, run: fn(&mut Trace<'_>) -> Outcome) -> Case {
    let fits = match RAM {
        Some(ram) => stack <= ram,
        None => true,
    };
    Case { name, stack, run: if fits { run } else { too_large } }
}

/// The harness leaves such cases out.
fn too_large(_: &mut Trace<'_>) -> Outcome {
    let fits_into_ram = false;
    ensure!(fits_into_ram);
    Ok(())
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
