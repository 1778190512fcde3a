//! The table of layers and the sizes that follow from it, all of them `const fn`.

use core::fmt;
use core::marker::PhantomData;

use super::activation::Activation;
use crate::error::Error;
use crate::kernels::Portable;
use crate::math::Libm;

/// One dense layer: `outputs` sums over `inputs` values and a bias, and what is done to each sum.
///
/// ```
/// use aadl_core::nn::{Activation, Layer};
/// const HIDDEN: Layer = Layer::dense(64, 16, Activation::Relu);
/// assert_eq!(HIDDEN.params(), 64 * 16 + 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layer {
    /// Values that enter.
    pub inputs: usize,
    /// Values that leave.
    pub outputs: usize,
    /// Applied to each sum.
    pub activation: Activation,
}

impl Layer {
    /// A layer of these shapes. They are checked by [`Network::new`].
    pub const fn dense(inputs: usize, outputs: usize, activation: Activation) -> Self {
        Self { inputs, outputs, activation }
    }

    /// Weights and biases: `outputs * (inputs + 1)`, at most `usize::MAX`.
    pub const fn params(&self) -> usize {
        self.outputs.saturating_mul(self.inputs.saturating_add(1))
    }
}

/// A network on a table of layers, which is all it holds: parameters are given with each call.
///
/// `F` computes the transcendentals, `K` the products; neither is stored.
///
/// ```
/// use aadl_core::nn::{Activation, Layer, Network};
/// const NET: Network = match Network::new(&[
///     Layer::dense(64, 16, Activation::Relu),
///     Layer::dense(16, 10, Activation::Identity),
/// ]) {
///     Ok(net) => net,
///     Err(_) => panic!("the layers do not fit together"),
/// };
/// static PARAMS: [f32; NET.params()] = [0.0; NET.params()];
/// assert_eq!(PARAMS.len(), 1210);
/// let mut outputs = [1.0; 10];
/// NET.predict(&PARAMS, &[0.5; 64], &mut outputs, &mut [0.0; NET.scratch(1)])?;
/// assert_eq!(outputs, [0.0; 10]);
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub struct Network<'a, F = Libm, K = Portable> {
    layers: &'a [Layer],
    engine: PhantomData<fn() -> (F, K)>,
}

// By hand, because deriving would ask for the same of `F` and `K`.
impl<F, K> Clone for Network<'_, F, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, K> Copy for Network<'_, F, K> {}

impl<F, K> fmt::Debug for Network<'_, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("layers", &self.layers).finish()
    }
}

#[cfg(feature = "defmt")]
impl<F, K> defmt::Format for Network<'_, F, K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Network {{ layers: {} }}", self.layers);
    }
}

impl<'a, F, K> Network<'a, F, K> {
    /// A network of these layers, the first of which takes the inputs.
    ///
    /// # Errors
    /// [`Error::Config`] of `layers`, if there are none, if one has no inputs or no outputs, if
    /// one does not take what the one before gives, or if there are more parameters than a slice
    /// can hold; of `slope`, if a leaky ReLU's is negative or not finite in float32.
    pub const fn new(layers: &'a [Layer]) -> Result<Self, Error> {
        if layers.is_empty() {
            return Err(Error::Config { field: "layers", requires: "at least one layer" });
        }
        let (mut rest, mut width, mut total) = (layers, 0, 0usize);
        while let [layer, tail @ ..] = rest {
            if layer.inputs == 0 || layer.outputs == 0 {
                return Err(Error::Config { field: "layers", requires: "inputs > 0, outputs > 0" });
            }
            if width != 0 && layer.inputs != width {
                let requires = "inputs = outputs of the layer before";
                return Err(Error::Config { field: "layers", requires });
            }
            if !layer.activation.is_valid() {
                return Err(Error::Config { field: "slope", requires: "0 <= slope, finite" });
            }
            // Two per unit more than the parameters: the scratch of a sample fits too.
            total = total
                .saturating_add(layer.params())
                .saturating_add(layer.outputs.saturating_mul(2));
            if total > (isize::MAX / 8) as usize {
                return Err(Error::Config { field: "layers", requires: "fewer parameters" });
            }
            (rest, width) = (tail, layer.outputs);
        }
        Ok(Self { layers, engine: PhantomData })
    }

    /// The same layers on other kernels. The bits stay, the speed changes: a host takes the table
    /// that it shares with a device, on `aadl_host::simd::Fastest`.
    ///
    /// ```
    /// # use aadl_core::kernels::Portable;
    /// # use aadl_core::nn::{Activation, Layer, Network};
    /// let layers = [Layer::dense(4, 2, Activation::Identity)];
    /// let net: Network = Network::new(&layers)?;
    /// let net = net.on::<Portable>();
    /// assert_eq!(net.params(), 10);
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    pub const fn on<L>(&self) -> Network<'a, F, L> {
        Network { layers: self.layers, engine: PhantomData }
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// Elements of a sample's inputs.
    pub const fn inputs(&self) -> usize {
        match self.layers {
            [first, ..] => first.inputs,
            [] => 0,
        }
    }

    /// Elements of a sample's outputs.
    pub const fn outputs(&self) -> usize {
        match self.layers {
            [.., last] => last.outputs,
            [] => 0,
        }
    }

    /// Elements of the parameters and of the gradient.
    pub const fn params(&self) -> usize {
        let (mut rest, mut total) = (self.layers, 0);
        while let [layer, tail @ ..] = rest {
            total += layer.params();
            rest = tail;
        }
        total
    }

    /// Elements of scratch with which `batch` samples are processed at once: that many times the
    /// sum of the layers' outputs and the largest of them. Every call needs `scratch(1)`, uses
    /// at most `scratch(`[`TILE`](super::TILE)`)`, and computes the same bits whatever it is given.
    pub const fn scratch(&self, batch: usize) -> usize {
        let (mut rest, mut values, mut widest) = (self.layers, 0, 0);
        while let [layer, tail @ ..] = rest {
            values += layer.outputs;
            widest = if layer.outputs > widest { layer.outputs } else { widest };
            rest = tail;
        }
        batch.saturating_mul(values + widest)
    }
}
