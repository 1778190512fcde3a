//! Tables of numbers that take minutes to measure: printed row by row, and whole for other programs.

use serde::Serialize;

/// A table; serialised, its title, its columns and its rows.
#[derive(Serialize)]
pub struct Rows {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<f64>>,
}

impl Rows {
    /// Prints the head of a table.
    pub fn new(title: String, columns: &[&'static str]) -> Self {
        println!("\n{title}\n");
        let rows = Self { title, columns: columns.to_vec(), rows: Vec::new() };
        rows.print(columns.iter().map(|column| (*column).to_owned()));
        rows
    }

    /// Adds a row, one number a column, and prints it.
    pub fn row(&mut self, numbers: &[f64]) {
        self.print(numbers.iter().map(|number| text(*number)));
        self.rows.push(numbers.to_vec());
    }

    fn print(&self, cells: impl Iterator<Item = String>) {
        for (cell, column) in cells.zip(&self.columns) {
            print!("{cell:>width$}", width = column.len().max(9) + 1);
        }
        println!();
    }
}

/// Counts as they are, small numbers to a hundredth.
fn text(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number < 10.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.1}")
    }
}
