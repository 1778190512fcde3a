//! Small regularized least squares: [`gram`] forms the normal equations of a window, [`cholesky`]
//! solves them, [`qr`] solves the same problem from the columns themselves.

pub mod cholesky;
mod condition;
pub mod gram;
pub mod qr;

use crate::error::Error;

/// Tikhonov regularization of `min ||A x - b||^2 + sum_j lambda_j x_j^2`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Regularization {
    /// `lambda_j = t ||a_j||^2`: does not depend on the units of the data.
    Relative(f64),
    /// `lambda_j = t`: depends on the units; what AADL does.
    Absolute(f64),
    /// `lambda_j = 0`.
    None,
}

impl Regularization {
    /// Checks that the coefficient is finite and not negative.
    ///
    /// # Errors
    /// [`Error::Config`] of `regularization`.
    pub const fn validate(&self) -> Result<(), Error> {
        match *self {
            Self::Relative(t) | Self::Absolute(t) if !(t >= 0.0 && t.is_finite()) => {
                Err(Error::Config {
                    field: "regularization",
                    requires: "0 <= regularization < inf",
                })
            }
            _ => Ok(()),
        }
    }

    /// `lambda_j` of a column with the squared norm `norm2`.
    pub const fn lambda(&self, norm2: f64) -> f64 {
        match *self {
            Self::Relative(t) => t * norm2,
            Self::Absolute(t) => t,
            Self::None => 0.0,
        }
    }
}
