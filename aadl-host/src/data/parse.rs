//! Reading CSV text.

use std::fmt;

use super::{Dataset, Labels, Task};

/// Why there is no data set.
#[derive(Clone, Debug, PartialEq)]
pub enum DataError {
    /// The text has no line with numbers.
    Empty,
    /// A line is malformed.
    Line {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A split would leave no sample for testing or none for training.
    Split {
        /// Samples of the set.
        samples: usize,
        /// The fraction asked for.
        test_fraction: f64,
    },
    /// A scaling was made for another number of features.
    Features {
        /// Of the scaling.
        expected: usize,
        /// Of the set.
        found: usize,
    },
}

/// What is wrong with a line. Columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It has not as many columns as the first line with numbers (or, that one, fewer than 2).
    Columns {
        /// What it must have.
        expected: usize,
        /// What it has.
        found: usize,
    },
    /// A field is no number.
    NotANumber {
        /// Where.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// A field is NaN, infinite, or too large for float32.
    NotFinite {
        /// Where.
        column: usize,
    },
    /// The last field is no integer from 0 to 255.
    NotAClass {
        /// What stands there.
        text: String,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Empty => f.write_str("no line with numbers"),
            DataError::Line { number, problem } => write!(f, "line {number}: {problem}"),
            DataError::Split { samples, test_fraction } => write!(
                f,
                "a test fraction of {test_fraction} leaves {samples} samples no test or no \
                 training part"
            ),
            DataError::Features { expected, found } => {
                write!(f, "{found} features where the scaling has {expected}")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Columns { expected, found } => {
                write!(f, "{found} columns where {expected} are needed")
            }
            Problem::NotANumber { column, text } => {
                write!(f, "column {column}: {text:?} is not a number")
            }
            Problem::NotFinite { column } => {
                write!(f, "column {column}: not a finite float32 number")
            }
            Problem::NotAClass { text } => {
                write!(f, "the class {text:?} is not an integer from 0 to 255")
            }
        }
    }
}

impl std::error::Error for DataError {}

impl Dataset {
    /// Reads a set from text: a sample per line, its features and last its target, separated by
    /// commas; spaces around a field do not matter. Empty lines and those that begin with `#` are
    /// skipped. The number of classes is the largest class plus 1.
    ///
    /// # Errors
    /// [`DataError::Empty`], or [`DataError::Line`] for the first line that does not fit.
    ///
    /// ```
    /// use aadl_host::data::{DataError, Dataset, Labels, Problem, Task};
    /// let set = Dataset::parse("xor", "# a,b,class\n0,0,0\n0,1,1\n", Task::Classify)?;
    /// assert_eq!(set.labels, Labels::Classes { classes: vec![0, 1], count: 2 });
    /// assert_eq!(
    ///     Dataset::parse("xor", "0,0,0\n0,1\n", Task::Classify),
    ///     Err(DataError::Line {
    ///         number: 2,
    ///         problem: Problem::Columns { expected: 3, found: 2 },
    ///     })
    /// );
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn parse(name: &str, text: &str, task: Task) -> Result<Self, DataError> {
        let mut columns = None;
        let mut inputs = Vec::new();
        let (mut classes, mut values) = (Vec::new(), Vec::new());
        // A byte order mark, which some editors write, is not part of the first number.
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |problem| DataError::Line { number: index + 1, problem };
            let found = line.split(',').count();
            let expected = *columns.get_or_insert(found.max(2));
            if found != expected {
                return Err(error(Problem::Columns { expected, found }));
            }
            for (column, field) in line.split(',').map(str::trim).enumerate() {
                let column = column + 1;
                if column == expected && task == Task::Classify {
                    let class =
                        field.parse().map_err(|_| Problem::NotAClass { text: field.into() });
                    classes.push(class.map_err(error)?);
                    continue;
                }
                let number = number(field, column).map_err(error)?;
                if column == expected { values.push(number) } else { inputs.push(number) }
            }
        }
        let features = columns.ok_or(DataError::Empty)? - 1;
        let labels = match task {
            Task::Classify => {
                let count = classes.iter().max().map_or(0, |class| usize::from(*class) + 1);
                Labels::Classes { classes, count }
            }
            Task::Regress => Labels::Values(values),
        };
        Ok(Self { name: name.into(), features, inputs, labels })
    }
}

fn number(field: &str, column: usize) -> Result<f32, Problem> {
    match field.parse::<f32>() {
        Ok(x) if x.is_finite() => Ok(x),
        Ok(_) => Err(Problem::NotFinite { column }),
        Err(_) => Err(Problem::NotANumber { column, text: field.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_comments_and_line_ends_do_not_matter() {
        let text = "\u{feff}# x,y,z\r\n\r\n 1.5 , -2e3,7\r\n#\n0,1 ,  2 \n\n";
        let set = Dataset::parse("t", text, Task::Regress).unwrap();
        assert_eq!((set.features, set.len()), (2, 2));
        assert_eq!(set.inputs, [1.5, -2000.0, 0.0, 1.0]);
        assert_eq!(set.labels, Labels::Values(vec![7.0, 2.0]));
    }

    #[test]
    fn malformed_text_is_an_error_with_its_line() {
        let fails = |text: &str, task, number, problem| {
            let expected =
                if number == 0 { DataError::Empty } else { DataError::Line { number, problem } };
            assert_eq!(Dataset::parse("t", text, task), Err(expected), "{text:?}");
        };
        let none = Problem::NotFinite { column: 0 };
        let (classify, regress) = (Task::Classify, Task::Regress);
        for text in ["", "\n\n", "# only a header\n", "  \n"] {
            fails(text, classify, 0, none.clone());
        }
        let columns = |expected, found| Problem::Columns { expected, found };
        fails("1\n", regress, 1, columns(2, 1));
        fails("1,2,3\n1,2\n", regress, 2, columns(3, 2));
        fails("# h\n1,2,3\n\n1,2,3,4\n", regress, 4, columns(3, 4));
        fails("1,2,3\n1,2,3,\n", regress, 2, columns(3, 4));
        let text = |column, text: &str| Problem::NotANumber { column, text: text.into() };
        fails("1,2\nx,2\n", regress, 2, text(1, "x"));
        fails("1,,2\n", regress, 1, text(2, ""));
        fails("1;2;3,4\n", classify, 1, text(1, "1;2;3"));
        fails("a,b\n1,2\n", regress, 1, text(1, "a"));
        for bad in ["NaN", "inf", "-inf", "1e39"] {
            fails(&format!("1,2,3\n1,{bad},3\n"), regress, 2, Problem::NotFinite { column: 2 });
            fails(&format!("1,2,3\n1,2,{bad}\n"), regress, 2, Problem::NotFinite { column: 3 });
        }
        for bad in ["-1", "256", "1.5", "NaN", ""] {
            fails(&format!("1,0\n1,{bad}\n"), classify, 2, Problem::NotAClass { text: bad.into() });
        }
    }

    #[test]
    fn errors_say_where() {
        let message = |text| Dataset::parse("t", text, Task::Classify).unwrap_err().to_string();
        assert_eq!(message("1,0\n1,2,3\n"), "line 2: 3 columns where 2 are needed");
        assert_eq!(message("x,0\n"), "line 1: column 1: \"x\" is not a number");
        assert_eq!(message("NaN,0\n"), "line 1: column 1: not a finite float32 number");
        assert_eq!(message("1,z\n"), "line 1: the class \"z\" is not an integer from 0 to 255");
        assert_eq!(message(""), "no line with numbers");
    }
}
