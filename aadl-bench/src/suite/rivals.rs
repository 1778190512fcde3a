//! The rivals that have settings to tune, with their grids.
//!
//! A grid is made of lines along which only the learning rate changes, three a decade. Tuning goes on
//! beyond the ends of a line while the best rate lies there, so their place is a matter of speed.

use std::ops::RangeInclusive;

use aadl_core::optim::{AdamConfig, RmsPropConfig, SgdConfig};
use aadl_host::compat::{AccelerationType, Settings};
use aadl_host::optim::Base;

use super::methods::{Compatible, Plain};
use super::objective::Method;
use super::short_memory::{Recurrence, ShortMemory};

/// A learning rate by its place: 0 is 1, 1 is 2, 2 is 5, 3 is 10.
pub fn learning_rate(place: i32) -> f64 {
    // Rather than the cube roots of 10.
    let digit = [1.0, 2.0, 5.0][place.rem_euclid(3) as usize];
    // Of two powers of ten with a positive exponent one is exact, and so is the quotient's rounding.
    match place.div_euclid(3) {
        decade @ 0.. => digit * 10f64.powi(decade),
        decade => digit / 10f64.powi(-decade),
    }
}

/// A line of a grid.
pub struct Line {
    /// What does not change along it, for reports.
    pub text: String,
    /// Places of the rates that are tried first.
    pub places: RangeInclusive<i32>,
    /// The method with a learning rate.
    pub method: Box<dyn Fn(f64) -> Box<dyn Method> + Send + Sync>,
}

impl Line {
    fn new<M: Method + 'static>(
        text: String,
        decades: RangeInclusive<i32>,
        method: impl Fn(f64) -> M + Send + Sync + 'static,
    ) -> Self {
        let places = 3 * decades.start()..=3 * decades.end();
        Self { text, places, method: Box::new(move |lr| Box::new(method(lr))) }
    }

    /// What reports call the method with the rate at this place.
    pub fn setting(&self, place: i32) -> String {
        format!("lr {}{}", learning_rate(place), self.text)
    }
}

/// A rival with its grid.
pub struct Rival {
    /// What it is called in reports.
    pub name: &'static str,
    /// Whether it counts as a plain optimizer.
    pub plain: bool,
    /// The grid.
    pub lines: Vec<Line>,
}

fn descent(lr: f64) -> Base {
    Base::Sgd(SgdConfig { lr, ..SgdConfig::DEFAULT })
}

fn nesterov(lr: f64, momentum: f64) -> Base {
    Base::Sgd(SgdConfig { lr, momentum, nesterov: true, ..SgdConfig::DEFAULT })
}

fn adam(lr: f64, beta2: f64) -> Base {
    Base::Adam(AdamConfig { lr, betas: (0.9, beta2), ..AdamConfig::DEFAULT })
}

/// Lines of AADL round an optimizer.
fn compatible(
    depths: &[usize],
    frequencies: &[usize],
    ridges: &[f64],
    decades: RangeInclusive<i32>,
    base: fn(f64) -> Base,
) -> Vec<Line> {
    let settings = compatible_settings(depths, frequencies, ridges).into_iter();
    let lines = settings.map(|settings| {
        let Settings { history_depth, frequency, reg_acc, .. } = settings;
        let ridge = if reg_acc == 0.0 { String::new() } else { format!(", ridge {reg_acc:e}") };
        Line::new(
            format!(", depth {history_depth}, every {frequency}{ridge}"),
            decades.clone(),
            move |lr| Compatible { settings, base: base(lr) },
        )
    });
    lines.collect()
}

/// AADL's settings with each of these depths, frequencies and ridges, the ridges running fastest.
pub fn compatible_settings(
    depths: &[usize],
    frequencies: &[usize],
    ridges: &[f64],
) -> Vec<Settings> {
    let mut all = Vec::new();
    for &history_depth in depths {
        for &frequency in frequencies {
            for &reg_acc in ridges {
                all.push(Settings {
                    acceleration_type: AccelerationType::Anderson,
                    relaxation: 1.0,
                    history_depth,
                    frequency,
                    reg_acc,
                    ..Settings::default()
                });
            }
        }
    }
    all
}

/// The plain optimizers.
pub fn plain() -> Vec<Rival> {
    let momenta = [0.8, 0.9, 0.95, 0.99, 0.995, 0.998, 0.9995].into_iter().map(|momentum| {
        let text = format!(", momentum {momentum}");
        Line::new(text, -5..=1, move |lr| Plain(nesterov(lr, momentum)))
    });
    let rmsprop = [0.9, 0.99].into_iter().map(|alpha| {
        Line::new(format!(", alpha {alpha}"), -5..=1, move |lr| {
            Plain(Base::RmsProp(RmsPropConfig { lr, alpha, ..RmsPropConfig::DEFAULT }))
        })
    });
    let adams = [0.99, 0.999].into_iter().map(|beta2| {
        Line::new(format!(", beta2 {beta2}"), -4..=1, move |lr| Plain(adam(lr, beta2)))
    });
    let gd = vec![Line::new(String::new(), -4..=2, |lr| Plain(descent(lr)))];
    let rival = |name, lines| Rival { name, plain: true, lines };
    vec![
        rival("GD", gd),
        rival("Nesterov", momenta.collect()),
        rival("RMSprop", rmsprop.collect()),
        rival("Adam", adams.collect()),
    ]
}

/// AADL round three optimizers.
pub fn aadl() -> Vec<Rival> {
    let rival = |name, lines| Rival { name, plain: false, lines };
    vec![
        rival(
            "AADL round GD",
            compatible(&[5, 10, 15], &[1, 5, 10], &[0.0, 1e-6], -3..=1, descent),
        ),
        rival(
            "AADL round Nesterov",
            compatible(&[5, 10], &[5, 10], &[0.0], -4..=0, |lr| nesterov(lr, 0.9)),
        ),
        rival(
            "AADL round Adam",
            compatible(&[5, 10], &[5, 10], &[0.0], -3..=0, |lr| adam(lr, 0.99)),
        ),
    ]
}

/// Short recurrences.
pub fn short_memory() -> Vec<Rival> {
    let rival = |name, recurrence| {
        let lines = [10, 40].into_iter().map(|restart| {
            Line::new(format!(", restart {restart}"), -4..=1, move |mixing| ShortMemory {
                recurrence,
                mixing,
                restart,
            })
        });
        Rival { name, plain: false, lines: lines.collect() }
    };
    vec![rival("ST-AM", Recurrence::ShortTerm), rival("Min-AM", Recurrence::Minimal)]
}

/// The optimizers, plain and with AADL round them.
pub fn tuned() -> Vec<Rival> {
    plain().into_iter().chain(aadl()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_one_digit() {
        let rates: Vec<String> = (-7..5).map(|place| learning_rate(place).to_string()).collect();
        let expected =
            ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"];
        assert_eq!(rates, expected);
    }
}
