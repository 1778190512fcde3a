//! Figures in tables, as they are printed and as they are committed, and the comparison of the two.
//!
//! A committed file has a head of comments, the line `compiler: ...`, and tables: a title in
//! brackets, a line of column names, then a line for each case. A `-` says that there is no figure.

use crate::workspace::Outcome;
use std::fmt::Write;

/// A regression is a figure that is more than this many percent above the committed one.
const TOLERANCE: u64 = 3;

/// One measured number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Title of its table, which also says how it came about.
    pub(crate) table: String,
    pub(crate) case: String,
    /// What it was measured on.
    pub(crate) column: String,
    pub(crate) value: u64,
    /// Elements that it is spent on; 0 where that means nothing, and in files.
    pub(crate) elements: u64,
}

impl Figure {
    /// Whether both say the same thing of the same code on the same machine.
    fn matches(&self, other: &Self) -> bool {
        (&self.table, &self.case, &self.column) == (&other.table, &other.case, &other.column)
    }

    fn name(&self) -> String {
        format!("{} on {} ({})", self.case, self.column, self.table)
    }
}

/// All figures of a run or a file, and which compiler made the code.
#[derive(Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) compiler: String,
    pub(crate) list: Vec<Figure>,
}

/// The values of a field in order of appearance.
pub(super) fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut list = Vec::new();
    for value in values {
        if !list.contains(&value) {
            list.push(value);
        }
    }
    list
}

/// A line of cells, the first to the left and the others to the right.
fn line(text: &mut String, widths: &[usize], cells: &[String]) {
    for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let _ =
            if i == 0 { write!(text, "{cell:width$}") } else { write!(text, "  {cell:>width$}") };
    }
    text.push('\n');
}

impl Figures {
    /// The tables, with each figure shown by `cell`.
    fn tables(&self, cell: impl Fn(&Figure) -> String) -> String {
        let mut text = String::new();
        for table in distinct(self.list.iter().map(|figure| figure.table.as_str())) {
            let list: Vec<_> = self.list.iter().filter(|figure| figure.table == table).collect();
            let columns = distinct(list.iter().map(|figure| figure.column.as_str()));
            let mut rows = vec![vec!["case".to_string()]];
            rows[0].extend(columns.iter().map(|column| column.to_string()));
            for case in distinct(list.iter().map(|figure| figure.case.as_str())) {
                let figure = |column: &&str| {
                    list.iter().find(|figure| figure.case == case && figure.column == *column)
                };
                let cells = columns.iter().map(|c| figure(c).map_or("-".into(), |f| cell(f)));
                rows.push([case.to_string()].into_iter().chain(cells).collect());
            }
            let width = |i: usize| rows.iter().map(|row| row[i].len()).max().unwrap_or(0);
            let widths: Vec<_> = (0..=columns.len()).map(width).collect();
            let _ = writeln!(text, "\n[{table}]");
            rows.iter().for_each(|row| line(&mut text, &widths, row));
        }
        text
    }

    /// What the user reads: each figure and, in parentheses, the share of an element.
    pub(crate) fn report(&self) -> String {
        self.tables(|figure| match figure.elements {
            0 => figure.value.to_string(),
            elements => {
                format!("{} ({:.2})", figure.value, figure.value as f64 / elements as f64)
            }
        })
    }

    /// What is committed, below a head of comments.
    pub(crate) fn file(&self, head: &str) -> String {
        let tables = self.tables(|figure| figure.value.to_string());
        format!("{head}compiler: {}\n{tables}", self.compiler)
    }

    /// For other programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let figure = |figure: &Figure| {
            let Figure { table, case, column, value, elements } = figure;
            serde_json::json!({
                "table": table, "case": case, "column": column, "value": value, "elements": elements
            })
        };
        let figures: Vec<_> = self.list.iter().map(figure).collect();
        serde_json::json!({ "compiler": self.compiler, "figures": figures })
    }

    /// Reads what [`Figures::file`] wrote.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let (mut compiler, mut table) = (None, None);
        let (mut columns, mut list) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: &str| format!("line {number}: {what}: `{line}`");
            if line.is_empty() || line.starts_with('#') {
                continue;
            } else if let Some(name) = line.strip_prefix("compiler: ") {
                compiler = Some(name.to_string());
            } else if let Some(title) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                (table, columns) = (Some(title), Vec::new());
            } else if let Some(table) = table {
                let mut words = line.split_whitespace();
                let case = words.next().ok_or_else(|| wrong("no case"))?;
                if columns.is_empty() {
                    columns = words.collect();
                    continue;
                }
                let cells: Vec<_> = words.collect();
                if cells.len() != columns.len() {
                    return Err(wrong(&format!("{} columns expected", columns.len())));
                }
                for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| *cell != "-") {
                    list.push(Figure {
                        table: table.to_string(),
                        case: case.to_string(),
                        column: column.to_string(),
                        value: cell.parse().map_err(|_| wrong("not a number"))?,
                        elements: 0,
                    });
                }
            } else {
                return Err(wrong("not in a table"));
            }
        }
        Ok(Self { compiler: compiler.ok_or("there is no line `compiler: ...`")?, list })
    }

    /// Compares with the committed figures, unless `whole` only those of the columns that are here:
    /// an error where a figure has grown by more than [`TOLERANCE`] percent, or stands on one side
    /// only. Otherwise what has shrunk by as much, so that the file could be brought up to date.
    pub(crate) fn compare(&self, committed: &Self, whole: bool) -> Outcome<Vec<String>> {
        let columns = distinct(self.list.iter().map(|figure| figure.column.as_str()));
        let wanted = |figure: &&Figure| whole || columns.contains(&figure.column.as_str());
        let committed_list: Vec<_> = committed.list.iter().filter(wanted).collect();
        let (mut worse, mut better) = (Vec::new(), Vec::new());
        for old in &committed_list {
            let Some(new) = self.list.iter().find(|figure| figure.matches(old)) else {
                worse.push(format!("{}: {} committed, not measured", old.name(), old.value));
                continue;
            };
            let change = 100.0 * (new.value as f64 / old.value as f64 - 1.0);
            let line = format!("{}: {} -> {} ({change:+.1} %)", old.name(), old.value, new.value);
            if new.value * 100 > old.value * (100 + TOLERANCE) {
                worse.push(line);
            } else if new.value * 100 < old.value * (100 - TOLERANCE) {
                better.push(line);
            }
        }
        for new in &self.list {
            if !committed_list.iter().any(|old| new.matches(old)) {
                worse.push(format!("{}: {} measured, not committed", new.name(), new.value));
            }
        }
        if worse.is_empty() {
            return Ok(better);
        }
        let mut error = format!("worse by more than {TOLERANCE} %, or missing:");
        worse.iter().for_each(|line| error += &format!("\n  {line}"));
        if self.compiler != committed.compiler {
            error += &format!(
                "\n  The compilers differ, which may be why: {} committed, {} now",
                committed.compiler, self.compiler
            );
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Figures};

    const FILE: &str = "# head\ncompiler: rustc 1\n\n[fast]\ncase    m0  m4\ndot/4  100  10\nsolve    -  50\n\n[small]\n\
        case   m4\ndot/4  20\n";

    fn figure(table: &str, case: &str, column: &str, value: u64) -> Figure {
        let [table, case, column] = [table, case, column].map(String::from);
        Figure { table, case, column, value, elements: 0 }
    }

    fn figures() -> Figures {
        let list = vec![
            figure("fast", "dot/4", "m0", 100),
            figure("fast", "dot/4", "m4", 10),
            figure("fast", "solve", "m4", 50),
            figure("small", "dot/4", "m4", 20),
        ];
        Figures { compiler: "rustc 1".into(), list }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        assert_eq!(figures().file("# head\n"), FILE);
        assert_eq!(Figures::parse(FILE).unwrap(), figures());
    }

    #[test]
    fn a_broken_file_is_named_by_its_line() {
        let error = |from: &str, to: &str| Figures::parse(&FILE.replace(from, to)).unwrap_err();
        assert_eq!(error("compiler: rustc 1\n", ""), "there is no line `compiler: ...`");
        assert!(error("  50", "").contains("line 7: 2 columns expected"));
        assert!(error("  50", "  x").contains("line 7: not a number"));
        assert!(error("[fast]", "").contains("line 5: not in a table"));
    }

    #[test]
    fn elements_are_shown_where_there_are_some() {
        let mut figures = figures();
        figures.list[1].elements = 4;
        let report = figures.report();
        assert!(report.contains("dot/4  100  10 (2.50)\n"), "{report}");
    }

    #[test]
    fn growth_beyond_the_tolerance_is_an_error() {
        let committed = figures();
        let mut now = figures();
        now.list[0].value = 103;
        assert_eq!(now.compare(&committed, true), Ok(vec![]));
        now.list[0].value = 104;
        let error = now.compare(&committed, true).unwrap_err();
        assert!(error.contains("dot/4 on m0 (fast): 100 -> 104 (+4.0 %)"), "{error}");
        assert!(!error.contains("solve"), "{error}");
        assert!(!error.contains("compilers"), "{error}");
        now.compiler = "rustc 2".into();
        let error = now.compare(&committed, true).unwrap_err();
        assert!(error.contains("rustc 1 committed, rustc 2 now"), "{error}");
    }

    #[test]
    fn what_got_better_is_told() {
        let mut now = figures();
        now.list[2].value = 40;
        assert_eq!(
            now.compare(&figures(), true).unwrap(),
            ["solve on m4 (fast): 50 -> 40 (-20.0 %)"]
        );
    }

    #[test]
    fn a_case_on_one_side_only_is_an_error() {
        let (mut fewer, all) = (figures(), figures());
        fewer.list.remove(2);
        let error = fewer.compare(&all, true).unwrap_err();
        assert!(error.contains("solve on m4 (fast): 50 committed, not measured"), "{error}");
        let error = all.compare(&fewer, true).unwrap_err();
        assert!(error.contains("solve on m4 (fast): 50 measured, not committed"), "{error}");
    }

    #[test]
    fn columns_that_were_not_asked_for_are_left_alone() {
        let mut now = figures();
        now.list.retain(|figure| figure.column == "m4");
        assert_eq!(now.compare(&figures(), false), Ok(vec![]));
        assert!(now.compare(&figures(), true).unwrap_err().contains("100 committed, not measured"));
        now.list.push(figure("small", "dot/4", "m0", 1));
        assert!(
            now.compare(&figures(), false).unwrap_err().contains("100 committed, not measured")
        );
    }
}
