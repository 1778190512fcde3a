//! What commands show: tables (also as JSON), pictures, files that are whole or not there.

mod chart;
mod dots;
mod file;
mod table;

pub use chart::{Chart, Panel, Series};
pub use dots::Dots;
pub use file::{check_writable, write_json, write_whole};
pub use table::{Cell, Table};
