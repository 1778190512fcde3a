//! Classification: the class of the largest output.

use super::network::Network;
use super::{Loss, Targets};
use crate::error::Error;
use crate::kernels::Kernels;
use crate::math::Math;
use crate::real::Real;

/// The index of the largest element, the first of equals. NaNs are passed over; `None` if there is
/// nothing else.
///
/// ```
/// use aadl_core::nn::argmax;
/// assert_eq!(argmax(&[f32::NAN, 0.1, 0.7, 0.7]), Some(2));
/// assert_eq!(argmax::<f32>(&[]), None);
/// ```
pub fn argmax<T: Real>(x: &[T]) -> Option<usize> {
    let mut best = None;
    for (index, &x) in x.iter().enumerate() {
        let larger = match best {
            Some((_, largest)) => x > largest,
            None => x.magnitude_bits() <= T::INFINITY_BITS,
        };
        if larger {
            best = Some((index, x));
        }
    }
    best.map(|(index, _)| index)
}

impl<F, K: Kernels> Network<'_, F, K> {
    /// How many samples the network puts into their class: the [`argmax`] of the outputs or, with
    /// one output, whether that is positive (a logit, as of [`Loss::BinaryCrossEntropy`]).
    ///
    /// `inputs` is `batch x inputs`, `classes` has `batch` elements below `outputs` (below 2 with
    /// one output), `scratch` at least [`Network::scratch`]`(1)`. Errors are those of
    /// [`Network::loss`].
    ///
    /// ```
    /// use aadl_core::nn::{Activation, Layer, Network};
    /// let layers = [Layer::dense(1, 2, Activation::Identity)];
    /// let net: Network = Network::new(&layers)?;
    /// let params = [1.0f32, -1.0, 0.0, 0.0]; // outputs x and -x
    /// let right = net.count_correct(&params, &[3.0, -2.0, 1.0], &[0, 1, 1], &mut [0.0; 4])?;
    /// assert_eq!(right, 2);
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    pub fn count_correct<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        classes: &[u8],
        scratch: &mut [T],
    ) -> Result<usize, Error>
    where
        F: Math<T>,
    {
        let loss = if self.outputs() == 1 { Loss::BinaryCrossEntropy } else { Loss::CrossEntropy };
        let batch = self.batch(inputs)?;
        self.check_targets::<T>(loss, batch, Targets::Classes(classes))?;
        let mut correct = 0;
        let mut classes = classes.iter();
        self.for_each_output(params, inputs, scratch, |output| {
            let class = match output {
                [logit] => Some(usize::from(*logit > T::ZERO)),
                _ => argmax(output),
            };
            if class == classes.next().map(|class| usize::from(*class)) {
                correct += 1;
            }
            Ok(())
        })?;
        Ok(correct)
    }
}
