//! Splitting a set into training and test parts, and scaling it.

use aadl_core::random::Random;

use super::{DataError, Dataset, Labels};

/// Two parts of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// To learn from.
    pub train: Dataset,
    /// To judge by.
    pub test: Dataset,
}

impl Dataset {
    /// Puts `ceil(samples * test_fraction)` samples, chosen by `seed`, into the test part and the
    /// others into the training part, both shuffled. Classes are stratified: each gives its
    /// share to within one sample.
    ///
    /// # Errors
    /// [`DataError::Split`] if a part would be empty or the fraction is not between 0 and 1.
    ///
    /// ```
    /// use aadl_host::data::Dataset;
    /// let split = Dataset::digits()?.split(0.2, 1)?;
    /// assert_eq!((split.train.len(), split.test.len()), (1437, 360));
    /// # Ok::<(), aadl_host::data::DataError>(())
    /// ```
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, DataError> {
        // A fraction such as 0.1 is not exact in binary: 10 samples must not become 1.0000001.
        let share = |samples: usize| (samples as f64 * test_fraction - 1e-9).ceil() as usize;
        let samples = self.len();
        let error = DataError::Split { samples, test_fraction };
        if !(test_fraction > 0.0 && test_fraction < 1.0) || share(samples) == samples {
            return Err(error);
        }
        let mut random = Random::new(seed);
        let groups: Vec<Vec<usize>> = match &self.labels {
            Labels::Classes { classes, count } => (0..*count)
                .map(|class| {
                    let of_class = |i: &usize| classes.get(*i).copied().map(usize::from);
                    (0..samples).filter(|i| of_class(i) == Some(class)).collect()
                })
                .collect(),
            Labels::Values(_) => vec![(0..samples).collect()],
        };
        let (mut train, mut test, mut seen) = (Vec::new(), Vec::new(), 0);
        for mut group in groups {
            shuffle(&mut group, &mut random);
            // The share of all samples up to here, less what earlier groups gave: so that the
            // rounding of the groups does not add up.
            let count = share(seen + group.len()).saturating_sub(share(seen)).min(group.len());
            seen += group.len();
            let rest = group.split_off(count);
            test.extend(group);
            train.extend(rest);
        }
        if train.is_empty() || test.is_empty() {
            return Err(error);
        }
        shuffle(&mut train, &mut random);
        shuffle(&mut test, &mut random);
        Ok(Split { train: self.select(&train), test: self.select(&test) })
    }

    /// The same samples in an order that `random` chooses.
    pub fn shuffled(&self, random: &mut Random) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut order, random);
        self.select(&order)
    }
}

/// Fisher and Yates's shuffle, from the last element down.
fn shuffle(x: &mut [usize], random: &mut Random) {
    for last in (1..x.len()).rev() {
        x.swap(last, random.below(last + 1));
    }
}

/// A change of units: every input becomes `(x - shift) * factor`, a shift and a factor per feature,
/// and so do targets that are values. Fitted on the training part alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Per feature.
    pub inputs: Vec<Affine>,
    /// Of targets that are values; classes are left alone.
    pub target: Affine,
}

/// `(x - shift) * factor`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Subtracted first.
    pub shift: f32,
    /// Multiplied then.
    pub factor: f32,
}

impl Affine {
    /// No change.
    pub const IDENTITY: Self = Self { shift: 0.0, factor: 1.0 };

    /// To mean 0 and standard deviation 1 (of the sample itself: divided by its size). A constant
    /// column becomes 0.
    fn standard(x: impl Iterator<Item = f32> + Clone) -> Self {
        let (mut sum, mut count) = (0.0, 0.0);
        for x in x.clone() {
            sum += f64::from(x);
            count += 1.0f64;
        }
        let mean = sum / count.max(1.0);
        let mut squares = 0.0;
        for x in x {
            squares += (f64::from(x) - mean).powi(2);
        }
        let deviation = (squares / count.max(1.0)).sqrt();
        // Below the rounding of float32 the column is constant: its "deviation" is noise.
        let constant = deviation <= mean.abs() * f64::from(f32::EPSILON);
        let factor = if constant { 1.0 } else { (1.0 / deviation) as f32 };
        Self { shift: mean as f32, factor }
    }

    fn apply(self, x: &mut f32) {
        *x = (*x - self.shift) * self.factor;
    }

    /// The number that [`Scaling::apply`] made `x` of, to rounding.
    ///
    /// ```
    /// use aadl_host::data::Affine;
    /// assert_eq!(Affine { shift: 10.0, factor: 0.5 }.invert(1.0), 12.0);
    /// ```
    pub fn invert(self, x: f32) -> f32 {
        x / self.factor + self.shift
    }
}

impl Scaling {
    /// Every feature times the same factor: 1/16 for the digits' pixels.
    pub fn uniform(features: usize, factor: f32) -> Self {
        Self { inputs: vec![Affine { shift: 0.0, factor }; features], target: Affine::IDENTITY }
    }

    /// Every feature, and targets that are values, to mean 0 and standard deviation 1 over this
    /// set. Means and deviations are computed in float64.
    pub fn fit(set: &Dataset) -> Self {
        let column = |c| set.inputs.iter().copied().skip(c).step_by(set.features.max(1));
        Self {
            inputs: (0..set.features).map(|c| Affine::standard(column(c))).collect(),
            target: match &set.labels {
                Labels::Classes { .. } => Affine::IDENTITY,
                Labels::Values(values) => Affine::standard(values.iter().copied()),
            },
        }
    }

    /// Scales a set.
    ///
    /// # Errors
    /// [`DataError::Features`] if the set has another number of features; it is unchanged then.
    pub fn apply(&self, set: &mut Dataset) -> Result<(), DataError> {
        if self.inputs.len() != set.features {
            let (expected, found) = (self.inputs.len(), set.features);
            return Err(DataError::Features { expected, found });
        }
        for (x, scale) in set.inputs.iter_mut().zip(self.inputs.iter().cycle()) {
            scale.apply(x);
        }
        if let Labels::Values(values) = &mut set.labels {
            values.iter_mut().for_each(|value| self.target.apply(value));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Task;
    use super::*;

    /// Samples that say where they came from.
    fn numbered(samples: usize) -> Dataset {
        let text: Vec<String> = (0..samples).map(|i| format!("{i},{}", i % 3)).collect();
        Dataset::parse("numbered", &text.join("\n"), Task::Classify).unwrap()
    }

    #[test]
    fn a_split_keeps_every_sample_once_with_its_target() {
        for (samples, fraction) in [(3, 0.5), (10, 0.1), (100, 0.25), (101, 0.5), (50, 0.9)] {
            let set = numbered(samples);
            let split = set.split(fraction, 3).unwrap();
            let expected = (samples as f64 * fraction).ceil() as usize;
            assert_eq!((split.test.len(), split.train.len()), (expected, samples - expected));
            let mut seen = vec![0; samples];
            for part in [&split.train, &split.test] {
                let Labels::Classes { classes, count } = &part.labels else { panic!() };
                assert_eq!((part.inputs.len(), *count), (classes.len(), 3));
                for (x, class) in part.inputs.iter().zip(classes) {
                    assert_eq!(*x as usize % 3, usize::from(*class));
                    seen[*x as usize] += 1;
                }
            }
            assert!(seen.iter().all(|n| *n == 1));
        }
    }

    #[test]
    fn a_split_depends_on_its_seed_and_is_stratified() {
        let set = Dataset::digits().unwrap();
        let split = set.split(0.2, 1).unwrap();
        assert_eq!(split, set.split(0.2, 1).unwrap());
        assert_ne!(split, set.split(0.2, 2).unwrap());
        let counts = |set: &Dataset| {
            let Labels::Classes { classes, .. } = &set.labels else { panic!() };
            let mut counts = [0.0f64; 10];
            classes.iter().for_each(|c| counts[usize::from(*c)] += 1.0);
            counts
        };
        for (all, test) in counts(&set).iter().zip(counts(&split.test)) {
            assert!((all * 0.2 - test).abs() <= 1.0, "{all} {test}");
        }
        // Shuffled: not in order of class.
        let Labels::Classes { classes, .. } = &split.train.labels else { panic!() };
        assert!(classes.windows(2).filter(|w| w[0] == w[1]).count() < classes.len() / 4);
        let values = Dataset::diabetes().unwrap().split(0.25, 1).unwrap();
        assert_eq!((values.train.len(), values.test.len()), (331, 111));
    }

    #[test]
    fn splits_that_leave_a_part_empty_are_errors() {
        for fraction in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY, 0.95, 1e-12] {
            let result = numbered(10).split(fraction, 0);
            assert!(matches!(result, Err(DataError::Split { samples: 10, .. })), "{fraction}");
        }
        assert!(numbered(1).split(0.5, 0).is_err());
        let message = numbered(1).split(0.5, 0).unwrap_err().to_string();
        assert_eq!(message, "a test fraction of 0.5 leaves 1 samples no test or no training part");
    }

    #[test]
    fn fitted_scaling_standardises_the_training_part() {
        for name in ["breast_cancer", "wine", "diabetes"] {
            let mut split = Dataset::named(name).unwrap().unwrap().split(0.2, 4).unwrap();
            let before = split.train.clone();
            let scaling = Scaling::fit(&split.train);
            scaling.apply(&mut split.train).unwrap();
            scaling.apply(&mut split.test).unwrap();
            let set = &split.train;
            let column = |c: usize| set.inputs.iter().skip(c).step_by(set.features);
            for c in 0..set.features {
                let mean = column(c).map(|x| f64::from(*x)).sum::<f64>() / set.len() as f64;
                let square = column(c).map(|x| f64::from(*x).powi(2)).sum::<f64>();
                assert!(mean.abs() < 1e-5, "{name} {c}: {mean}");
                assert!((square / set.len() as f64 - 1.0).abs() < 1e-5, "{name} {c}");
            }
            if let (Labels::Values(now), Labels::Values(then)) = (&set.labels, &before.labels) {
                assert!(now.iter().all(|v| v.abs() < 4.0));
                for (now, then) in now.iter().zip(then) {
                    assert!((scaling.target.invert(*now) - then).abs() < 1e-3);
                }
            } else {
                assert_eq!(set.labels, before.labels);
            }
        }
    }

    #[test]
    fn scaling_meets_constant_columns_and_wrong_sets() {
        let mut set = Dataset::parse("t", "0.1,1,0\n0.1,3,0\n0.1,5,0\n", Task::Classify).unwrap();
        Scaling::fit(&set).apply(&mut set).unwrap();
        assert_eq!([set.inputs[0], set.inputs[2], set.inputs[3]], [0.0, 0.0, 0.0]);
        assert_eq!(set.inputs[1], -set.inputs[5]);
        let before = set.clone();
        let result = Scaling::uniform(3, 0.5).apply(&mut set);
        assert_eq!(result, Err(DataError::Features { expected: 3, found: 2 }));
        assert_eq!(set, before);
        let mut digits = Dataset::digits().unwrap();
        Scaling::uniform(64, 1.0 / 16.0).apply(&mut digits).unwrap();
        assert!(digits.inputs.iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(digits.inputs.contains(&1.0));
    }
}
