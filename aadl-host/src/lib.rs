//! The desktop side: owners on the heap, reports, AADL as it is, recorded runs.
pub mod compat;
pub mod owned;
pub mod report;
pub mod verify;
