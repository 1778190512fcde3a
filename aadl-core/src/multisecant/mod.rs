//! Training from losses and gradients alone, without a learning rate: multisecant Anderson
//! acceleration on gradient pairs, blended with L-BFGS.
//!
//! Kept are the last `m` *pairs*: steps `dX_j = x_{j+1} - x_j` between accepted points and the
//! changes `dG_j` of the gradient along them, as integers with a power-of-two scale per column. Two
//! directions come from them:
//!
//! - *multisecant* (type-II Anderson acceleration of gradient descent; Fang & Saad, Numer. Linear
//!   Algebra Appl. 16, 2009): `-dX gamma - theta (g - dG gamma)`, where `gamma` minimises
//!   `||g - dG gamma||` and `theta` is twice the long step `|dx|^2 / (dx . dg)` of Barzilai & Borwein
//!   (IMA J. Numer. Anal. 8, 1988) of the newest pair;
//! - *L-BFGS* (Nocedal, Math. Comp. 35, 1980), over the pairs of positive curvature.
//!
//! In long steps and in L-BFGS, the curvature `dx . dg` of a pair is corrected by its losses (Zhang, Deng
//! & Chen, J. Optim. Theory Appl. 102, 1999).
//!
//! Both are found in scaled coordinates `x_i / c_i`, in which the gradient is `g_i c_i`: L-BFGS then starts
//! from a diagonal matrix, and the multisecant minimises another norm. That matrix is the one which would bring
//! steps to changes of the gradient, element by element, in the mean of squares over the pairs (as the diagonal
//! updates of Gilbert & Lemaréchal, Math. Programming 45, 1989, do pair by pair); it is found anew
//! with the second pair, the 4th, the 8th and so on, at the latest after sixteen unless pairs were given up, and
//! the pairs are then brought into the new coordinates. The `c_i` are powers of `2^(1/4)` whose exponents take the
//! place of the last eight bits of the gradient that is kept.
//!
//! With `r = ||g - dG gamma|| / ||g||`, L-BFGS has the share `r / (r + balance)` of the step: all of
//! it where the pairs know little of the gradient, little where they span it. If they seemed to span
//! it, but the gradient did not shrink, L-BFGS has it all for a step.
//!
//! Both need inner products only, so a step takes two passes over the pairs: one for the products of
//! all columns with the newest change and with the gradient, exact sums of integers; one to combine
//! them. With a new scaling come three passes more, and the products of all changes with each other.
//!
//! A point is accepted if its loss, which comes with the gradient, is at most the largest of the last
//! three accepted (Grippo, Lampariello & Lucidi, SIAM J. Numer. Anal. 23, 1986). Otherwise the step is
//! shortened by interpolation; after four times the pairs are given up, and `theta` is cut to a
//! tenth. No evaluation is spent on anything else.
//!
//! The first step is along the gradient, as long as would bring the loss to zero if it were linear, but
//! no longer than the vector of parameters (1, where that is zero). So nothing here has a unit, unless the
//! start is zero: of a loss and of parameters that are powers of two times as large, the steps are the
//! same, to the bit. Where gradients are clipped, curvatures are not corrected: losses are not.
//!
//! | file | what it holds |
//! |---|---|
//! | `config` | [`Config`], [`Bounds`] |
//! | `outcome` | [`Told`], [`Asked`], [`Reason`], [`Stats`]: what happened |
//! | `state` | [`State`] and [`Memory`]: what is kept between two calls |
//! | `pairs` | the columns |
//! | `scaling` | the lengths that steps are measured in, element by element |
//! | `lengths` | how long a first step is, and how much shorter a rejected one becomes |
//! | `products`, `small` | inner products, and the memory of what depends on the number of pairs alone |
//! | `direction` | from inner products to a direction |
//! | `engine` | [`MultisecantMut`]: the algorithm, on borrowed memory |
//! | `owner` | [`Multisecant`]: the same with arrays of its own |
//! | `minimize` | [`minimize`]: a loop over a closure |

mod config;
mod direction;
mod engine;
mod lengths;
mod minimize;
mod outcome;
mod owner;
mod pairs;
mod products;
mod scaling;
mod small;
mod state;

pub use config::{Bounds, Config, MAX_WINDOW};
pub use engine::MultisecantMut;
pub use minimize::{Minimum, Stop, minimize};
pub use outcome::{Asked, Reason, Stats, Told};
pub use owner::{Multisecant, Tiny, bytes};
pub use state::{Memory, State};
