//! Tables for people and for programs.

use comfy_table::{CellAlignment, presets};
use serde::Serialize;
use std::fmt;

/// One entry of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words, to the left.
    Text(String),
    /// A whole number, to the right.
    Count(u64),
    /// A number with this many significant digits, to the right. In JSON all its digits.
    #[serde(serialize_with = "number")]
    Number(f64, usize),
    /// Not there: did not happen, does not apply.
    Missing,
}

fn number<S: serde::Serializer>(x: &f64, _: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*x)
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cell::Text(ref text) => f.write_str(text),
            Cell::Count(n) => write!(f, "{n}"),
            Cell::Number(x, digits) => {
                let scientific = format!("{x:.*e}", digits.saturating_sub(1));
                // Of the rounded number: 9.996 has three digits as 10.0. NaN and infinity: none.
                let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse().ok());
                match exponent.unwrap_or(0) {
                    exponent @ -4..6 => {
                        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
                        write!(f, "{x:.decimals$}")
                    }
                    _ => f.write_str(&scientific),
                }
            }
            Cell::Missing => f.write_str("-"),
        }
    }
}

/// Rows of cells under named columns. Displayed as text; serialized as an object with `title`,
/// `columns` and `rows`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// Gives it another title.
    pub fn set_title(&mut self, title: &str) {
        title.clone_into(&mut self.title);
    }

    /// Adds a row, one cell a column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table in Markdown, its title in bold.
    ///
    /// ```
    /// use aadl_host::report::{Cell, Table};
    /// let mut table = Table::new("Costs", &["task", "cost"]);
    /// table.row(["a".into(), Cell::Count(3)]);
    /// assert_eq!(table.to_markdown(), "**Costs**\n\n| task | cost |\n|---|---|\n| a | 3 |\n");
    /// ```
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("**{}**\n\n", self.title);
        text += &line(self.columns.clone());
        text += &format!("|{}\n", "---|".repeat(self.columns.len()));
        for row in &self.rows {
            text += &line(row.iter().map(Cell::to_string).collect());
        }
        text
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = comfy_table::Table::new();
        text.load_style(presets::NOTHING).set_header(&self.columns);
        for row in &self.rows {
            text.add_row(row.iter().map(|cell| {
                let right = matches!(cell, Cell::Count(_) | Cell::Number(..) | Cell::Missing);
                let side = if right { CellAlignment::Right } else { CellAlignment::Left };
                comfy_table::Cell::new(cell).set_alignment(side)
            }));
        }
        writeln!(f, "{}", self.title)?;
        text.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        for (x, digits, text) in [
            (0.0, 3, "0.00"),
            (12.345, 3, "12.3"),
            (0.012345, 3, "0.0123"),
            (123456.0, 3, "123456"),
            (1.0e-7, 3, "1.00e-7"),
            (-9.996, 3, "-10.0"),
            (999_999.6, 3, "1.00e6"),
            (f64::NAN, 3, "NaN"),
            (f64::NEG_INFINITY, 3, "-inf"),
        ] {
            assert_eq!(Cell::Number(x, digits).to_string(), text);
        }
    }

    #[test]
    fn json_has_all_digits() {
        let mut table = Table::new("t", &["a", "b"]);
        table.row(["x".into(), Cell::Number(1.0 / 3.0, 2)]);
        assert_eq!(
            serde_json::to_string(&table).unwrap(),
            r#"{"title":"t","columns":["a","b"],"rows":[["x",0.3333333333333333]]}"#
        );
    }
}
