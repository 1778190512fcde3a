//! The desktop side: owners on the heap, reports.
pub mod owned;
pub mod report;
