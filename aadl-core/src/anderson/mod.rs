//! Anderson acceleration of any fixed-point map (type II, with true residuals).
//!
//! A map `g` (one step of an optimizer, one sweep of a solver) has the residual
//! `f(x) = g(x) - x`. From `m + 1` past points `x_j` with residuals `f_j`, oldest first, the weights
//! `a`, summing to 1, minimise `|| sum_j a_j f_j ||^2` (plus a Tikhonov term), and the next point is
//!
//! `x = sum_j a_j (x_j + beta f_j)`, `beta` the relaxation.
//!
//! With `df_j = f_{j+1} - f_j`: `gamma = argmin || f_m - dF gamma ||`, and `a_0 = gamma_0`,
//! `a_j = gamma_j - gamma_{j-1}`, `a_m = 1 - gamma_{m-1}`.
//!
//! Anderson, J. ACM 12 (1965); Walker & Ni, SIAM J. Numer. Anal. 49 (2011); Fang & Saad, Numer.
//! Linear Algebra Appl. 16 (2009); with optimizers: Lupo Pasini, Yin, Reshniak & Stoyanov,
//! SoutheastCon 2022.
//!
//! | file | what it holds |
//! |---|---|
//! | `config` | [`Config`]: schedule, regularization, safeguard |
//! | `outcome` | [`Step`], [`Reason`], [`Stats`]: what happened |
//! | `state` | [`State`] and [`Memory`]: what is kept between two steps |
//! | `gate` | [`Gate`]: when an acceleration may be tried |
//! | `mixing` | from a window of residuals to weights of the iterates and their mean |
//! | `accelerator` | [`AndersonMut`]: the one algorithm, on borrowed memory |
//! | `owner` | [`Anderson`]: the same with arrays of its own |
//! | `solve` | [`solve`]: a fixed-point loop with tolerance and limit |

mod accelerator;
mod config;
mod gate;
mod mixing;
mod outcome;
mod owner;
mod solve;
mod state;

pub use accelerator::{AndersonMut, LossFn};
pub use config::{Config, Safeguard, Solver};
pub use gate::Gate;
pub(crate) use outcome::bump;
pub use outcome::{Reason, Stats, Step};
pub use owner::Anderson;
pub use solve::{Solution, Stop, solve};
pub use state::{Memory, State};
