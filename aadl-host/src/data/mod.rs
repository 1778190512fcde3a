//! Data sets: four that are part of the program, and those that users bring as CSV text.
//!
//! | file | what it holds |
//! |---|---|
//! | `parse` | [`Dataset::parse`], [`DataError`] |
//! | `split` | [`Dataset::split`], [`Scaling`] |
//!
//! The sources and licences of the built-in sets are in `aadl-host/data/README.md`.
//!
//! ```
//! use aadl_host::data::{Dataset, Scaling};
//! let mut split = Dataset::wine()?.split(0.25, 7)?;
//! let scaling = Scaling::fit(&split.train);
//! scaling.apply(&mut split.train)?;
//! scaling.apply(&mut split.test)?;
//! assert_eq!((split.train.len(), split.test.len(), split.train.features), (133, 45, 13));
//! # Ok::<(), aadl_host::data::DataError>(())
//! ```

mod parse;
mod split;

pub use parse::{DataError, Problem};
pub use split::{Affine, Scaling, Split};

use aadl_core::nn::Targets;

/// What the last column of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The number of a class, 0 to 255.
    Classify,
    /// A value.
    Regress,
}

/// The targets of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// A class per sample, each below `count`.
    Classes {
        /// One per sample.
        classes: Vec<u8>,
        /// How many classes there are.
        count: usize,
    },
    /// A value per sample.
    Values(Vec<f32>),
}

/// Samples and their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What it is called in reports.
    pub name: String,
    /// Numbers per sample.
    pub features: usize,
    /// `samples x features`, row-major.
    pub inputs: Vec<f32>,
    /// A target per sample.
    pub labels: Labels,
}

impl Dataset {
    /// The names that [`Dataset::named`] knows.
    pub const NAMES: [&str; 4] = ["digits", "breast_cancer", "wine", "diabetes"];

    /// Handwritten digits: 1,797 samples of 8x8 pixels, 0 to 16; 10 classes.
    ///
    /// # Errors
    /// None, unless the file was damaged before the program was built.
    pub fn digits() -> Result<Self, DataError> {
        Self::parse("digits", include_str!("../../data/digits.csv"), Task::Classify)
    }

    /// Breast tumours: 569 samples of 30 measures; class 0 is malignant, 1 benign.
    ///
    /// # Errors
    /// As of [`Dataset::digits`].
    pub fn breast_cancer() -> Result<Self, DataError> {
        Self::parse("breast_cancer", include_str!("../../data/breast_cancer.csv"), Task::Classify)
    }

    /// Italian wines: 178 samples of 13 measures; 3 classes.
    ///
    /// # Errors
    /// As of [`Dataset::digits`].
    pub fn wine() -> Result<Self, DataError> {
        Self::parse("wine", include_str!("../../data/wine.csv"), Task::Classify)
    }

    /// Diabetes patients: 442 samples of 10 measures; the value is the progression of the disease,
    /// 25 to 346.
    ///
    /// # Errors
    /// As of [`Dataset::digits`].
    pub fn diabetes() -> Result<Self, DataError> {
        Self::parse("diabetes", include_str!("../../data/diabetes.csv"), Task::Regress)
    }

    /// The built-in set of this name; `None` if there is none.
    pub fn named(name: &str) -> Option<Result<Self, DataError>> {
        match name {
            "digits" => Some(Self::digits()),
            "breast_cancer" => Some(Self::breast_cancer()),
            "wine" => Some(Self::wine()),
            "diabetes" => Some(Self::diabetes()),
            _ => None,
        }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        match &self.labels {
            Labels::Classes { classes, .. } => classes.len(),
            Labels::Values(values) => values.len(),
        }
    }

    /// Whether there are no samples. Sets that were parsed or split have some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of outputs of a network for this set: the classes, or 1.
    pub fn outputs(&self) -> usize {
        match &self.labels {
            Labels::Classes { count, .. } => *count,
            Labels::Values(_) => 1,
        }
    }

    /// The targets as a loss takes them.
    pub fn targets(&self) -> Targets<'_> {
        match &self.labels {
            Labels::Classes { classes, .. } => Targets::Classes(classes),
            Labels::Values(values) => Targets::Values(values),
        }
    }

    /// The samples with these indices, in this order; indices out of range are left out.
    fn select(&self, indices: &[usize]) -> Self {
        let rows: Vec<&[f32]> = self.inputs.chunks_exact(self.features.max(1)).collect();
        let inputs =
            indices.iter().filter_map(|i| rows.get(*i)).flat_map(|row| row.iter().copied());
        let labels = match &self.labels {
            Labels::Classes { classes, count } => Labels::Classes {
                classes: indices.iter().filter_map(|i| classes.get(*i).copied()).collect(),
                count: *count,
            },
            Labels::Values(values) => {
                Labels::Values(indices.iter().filter_map(|i| values.get(*i).copied()).collect())
            }
        };
        Self { name: self.name.clone(), features: self.features, inputs: inputs.collect(), labels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_sets_are_what_they_say() {
        // name, samples, features, samples of each class
        let expected: [(&str, usize, usize, &[usize]); 4] = [
            ("digits", 1797, 64, &[178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
            ("breast_cancer", 569, 30, &[212, 357]),
            ("wine", 178, 13, &[59, 71, 48]),
            ("diabetes", 442, 10, &[]),
        ];
        assert_eq!(expected.map(|e| e.0), Dataset::NAMES);
        for (name, samples, features, of_class) in expected {
            let set = Dataset::named(name).unwrap().unwrap();
            assert_eq!((set.name.as_str(), set.len(), set.features), (name, samples, features));
            assert_eq!(set.inputs.len(), samples * features);
            match &set.labels {
                Labels::Classes { classes, count } => {
                    let mut found = vec![0; *count];
                    classes.iter().for_each(|c| found[usize::from(*c)] += 1);
                    assert_eq!(found, of_class);
                    assert_eq!(set.outputs(), of_class.len());
                }
                Labels::Values(values) => {
                    assert_eq!((values[0], values[441], set.outputs()), (151.0, 57.0, 1));
                    assert!(values.iter().all(|v| (25.0..=346.0).contains(v)));
                }
            }
        }
        let digits = Dataset::digits().unwrap();
        assert!(digits.inputs.iter().all(|x| (0.0..=16.0).contains(x) && x.fract() == 0.0));
        assert!(Dataset::named("iris").is_none());
    }
}
