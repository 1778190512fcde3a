//! Benchmarks: what acceleration saves ([`suite`]), and in `benches/` how fast the code is.

pub mod rows;
pub mod steps;
pub mod suite;
