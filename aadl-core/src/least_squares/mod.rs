//! (to come)
pub mod cholesky;
pub mod qr;
