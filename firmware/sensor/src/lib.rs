//! A simulated sensor: the part of the examples that a real program replaces by a driver. It shows
//! the same readings as that of `aadl-core/examples/stream.rs`.
#![no_std]

use aadl_core::{Error, math::sqrt, random::Random};

/// Readings until gain and offset drift.
const DRIFT: u32 = 400;

/// A sensor that shows a value through a gain that depends on the temperature, and that drifts.
pub struct Sensor {
    random: Random,
    readings: u32,
}

impl Sensor {
    /// A sensor as it leaves the factory.
    #[expect(clippy::new_without_default, reason = "a `const fn`, for a `static`")]
    pub const fn new() -> Self {
        Self { random: Random::new(1), readings: 0 }
    }

    /// What the sensor shows and the temperature, and the true value from -1 to 1.
    pub fn read(&mut self) -> ([f32; 2], f32) {
        self.readings = self.readings.saturating_add(1);
        let truth = 2.0 * self.random.uniform::<f32>() - 1.0;
        (shown(self.readings, truth, self.random.uniform()), truth)
    }
}

fn shown(readings: u32, truth: f32, temperature: f32) -> [f32; 2] {
    let (gain, offset) = if readings > DRIFT { (0.7, 0.2) } else { (1.0, 0.0) };
    let raw = gain * truth * (1.0 + 0.3 * temperature) + 0.2 * truth * truth * truth + offset;
    [raw, temperature]
}

/// Root mean square of the error that `calibrate` leaves, over a grid of true values and
/// temperatures, of a sensor after so many readings. It is given what the sensor shows, and a place
/// for its estimate of the value.
pub fn error(
    readings: u32,
    mut calibrate: impl FnMut(&[f32; 2], &mut [f32; 1]) -> Result<(), Error>,
) -> Result<f32, Error> {
    let mut sum = 0.0;
    for i in 0..100u8 {
        let (truth, temperature) = (f32::from(i % 10) / 4.5 - 1.0, f32::from(i / 10) / 9.0);
        let mut estimate = [0.0];
        calibrate(&shown(readings, truth, temperature), &mut estimate)?;
        let [error] = estimate.map(|estimate| estimate - truth);
        sum += error * error;
    }
    Ok(sqrt(sum / 100.0))
}
