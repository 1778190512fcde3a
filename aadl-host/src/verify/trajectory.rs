//! Trajectories (`aadl-traj-v1`): an accelerated optimizer, step by step.

use std::ops::Range;

use aadl_core::optim::{AdamConfig, Optimizer, RmsPropConfig, SgdConfig};

use super::Outcome;
use super::problem::Problem;
use super::reader::{Read, Reader};
use crate::compat::{Aadl, AccelerationType, Settings};
use crate::optim::Base;

/// Largest deviation of the parameters, and of the loss, that passes.
const TOLERANCE: f64 = 1e-8;

/// Replays the file. The deviation is the larger one of
/// `max_t max_i |theta_i - reference_i| / max(1, max_i |reference_i|)` and of
/// `max_t |f(reference) - loss_t| / max(1, |loss_t|)`. The loss is taken at the recorded
/// parameters: a steep loss would magnify deviations that the first term has judged already.
/// Events do not decide; the first that differs is noted.
pub(super) fn check(file: &Reader<'_>) -> Read<Outcome> {
    let mut theta = file.get("theta0")?.numbers()?;
    let problem = Problem::read(file, theta.len())?;
    let groups = read_groups(file, theta.len())?;
    let settings = read_settings(&file.get("accelerate")?)?;
    let bases = read_optimizer(&file.get("optimizer")?, groups.len())?;
    let closure = file.get("closure")?.boolean()?;
    let steps = file.get("steps")?.count()?;
    if steps == 0 {
        return file.get("steps")?.error("nothing to compare");
    }
    let reference = file.get("theta")?.sized(steps)?;
    let losses = file.get("loss")?.vector(steps)?;
    let events = match file.find("events")? {
        Some(events) => Some(events.sized(steps)?),
        None => None,
    };

    let mut members = Vec::new();
    for (range, base) in groups.into_iter().zip(&bases) {
        let optimizer: Box<dyn Optimizer<f64>> =
            base.build(range.len()).or_else(|error| file.get("optimizer")?.error(error))?;
        members.push((range, optimizer));
    }
    let mut aadl =
        Aadl::new(settings, members).or_else(|error| file.get("accelerate")?.error(error))?;

    let mut deviation = 0.0f64;
    let mut note = String::new();
    for (t, (reference, loss)) in reference.iter().zip(&losses).enumerate() {
        let expected = reference.vector(theta.len())?;
        let (_, gradient) = problem.evaluate(&theta, Some(t));
        let mut batch_loss = |theta: &[f64]| problem.evaluate(theta, Some(t)).0;
        let happened = aadl
            .step(&mut theta, &gradient, closure.then_some(&mut batch_loss as _))
            .or_else(|error| reference.error(format_args!("step {t} failed: {error}")))?;

        let distance = theta.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, worse);
        let size = expected.iter().fold(1.0f64, |max, x| max.max(x.abs()));
        deviation = worse(deviation, distance / size);
        let (at_reference, _) = problem.evaluate(&expected, None);
        deviation = worse(deviation, (at_reference - loss).abs() / loss.abs().max(1.0));

        if let (true, Some(events)) = (note.is_empty(), &events) {
            let expected: Vec<&str> =
                events[t].list()?.iter().map(Reader::text).collect::<Read<_>>()?;
            let happened: Vec<String> = happened.iter().map(ToString::to_string).collect();
            if happened != expected {
                let (happened, expected) = (happened.join(" "), expected.join(" "));
                note = format!("events[{t}]: \"{happened}\" where \"{expected}\" is recorded");
            }
        }
    }
    Ok(Outcome { deviation, tolerance: TOLERANCE, pass: deviation <= TOLERANCE, note })
}

/// The maximum, or NaN if there is one.
pub(super) fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b <= a { a } else { b }
}

fn read_groups(file: &Reader<'_>, length: usize) -> Read<Vec<Range<usize>>> {
    let field = file.get("groups")?;
    let mut owned = vec![false; length];
    let mut groups = Vec::new();
    for group in field.list()? {
        let bounds: Vec<usize> = group.sized(2)?.iter().map(Reader::count).collect::<Read<_>>()?;
        let range = bounds[0]..bounds[1];
        let Some(members) = owned.get_mut(range.clone()).filter(|m| !m.is_empty()) else {
            return group.error(format_args!("not a range within the {length} parameters"));
        };
        if members.contains(&true) {
            return group.error("overlaps another group");
        }
        members.fill(true);
        groups.push(range);
    }
    if owned.contains(&false) {
        return field.error("some parameters are in no group");
    }
    Ok(groups)
}

fn read_settings(field: &Reader<'_>) -> Read<Settings> {
    field.only(&[
        "acceleration_type",
        "relaxation",
        "wait_iterations",
        "history_depth",
        "store_each_nth",
        "frequency",
        "reg_acc",
        "average",
        "history_device",
        "compute_device",
        "distributed",
        "sync_frequency",
    ])?;
    if let Some(distributed) = field.find("distributed")?
        && distributed.boolean()?
    {
        return distributed.error("the distributed variant is not replayed");
    }
    let mut settings = Settings::default();
    if let Some(name) = field.find("acceleration_type")? {
        settings.acceleration_type = match AccelerationType::parse(name.text()?) {
            Some(kind) => kind,
            None => return name.error("unknown acceleration type"),
        };
    }
    let number = |key, value: &mut f64| -> Read<()> {
        if let Some(field) = field.find(key)? {
            *value = field.number()?;
        }
        Ok(())
    };
    number("relaxation", &mut settings.relaxation)?;
    number("reg_acc", &mut settings.reg_acc)?;
    for (key, value) in [
        ("wait_iterations", &mut settings.wait_iterations),
        ("history_depth", &mut settings.history_depth),
        ("store_each_nth", &mut settings.store_each_nth),
        ("frequency", &mut settings.frequency),
    ] {
        if let Some(field) = field.find(key)? {
            *value = field.count()?;
        }
    }
    if let Some(average) = field.find("average")? {
        settings.average = average.boolean()?;
    }
    Ok(settings)
}

/// The optimizer of each group. A hyper-parameter is one value for all, or a list of one a group.
fn read_optimizer(field: &Reader<'_>, groups: usize) -> Read<Vec<Base>> {
    /// Settings of PyTorch that choose an implementation, not an algorithm.
    const NEUTRAL: [&str; 5] = ["name", "foreach", "fused", "capturable", "differentiable"];
    let name = field.get("name")?;
    let text = name.text()?;
    let own: &[&str] = match text {
        "SGD" => &["momentum", "dampening", "nesterov"],
        "RMSprop" => &["alpha", "eps", "momentum", "centered"],
        "Adam" | "AdamW" => &["betas", "eps", "amsgrad"],
        _ => return name.error("unknown optimizer"),
    };
    let common = ["lr", "weight_decay", "maximize"];
    field.only(&[&NEUTRAL[..], &common, own].concat())?;

    (0..groups)
        .map(|group| {
            let find = |key: &str| -> Read<Option<Reader<'_>>> {
                let Some(value) = field.find(key)? else { return Ok(None) };
                let per_group = match key {
                    "betas" => value.list()?.first().is_some_and(Reader::is_list),
                    _ => value.is_list(),
                };
                Ok(Some(if per_group { value.sized(groups)?.swap_remove(group) } else { value }))
            };
            let number =
                |key: &str, default: f64| find(key)?.map_or(Ok(default), |value| value.number());
            let flag = |key: &str| find(key)?.map_or(Ok(false), |value| value.boolean());
            let maximize = flag("maximize")?;
            Ok(match text {
                "SGD" => {
                    let d = SgdConfig::DEFAULT;
                    Base::Sgd(SgdConfig {
                        lr: number("lr", d.lr)?,
                        momentum: number("momentum", d.momentum)?,
                        dampening: number("dampening", d.dampening)?,
                        weight_decay: number("weight_decay", d.weight_decay)?,
                        nesterov: flag("nesterov")?,
                        maximize,
                    })
                }
                "RMSprop" => {
                    let d = RmsPropConfig::DEFAULT;
                    Base::RmsProp(RmsPropConfig {
                        lr: number("lr", d.lr)?,
                        alpha: number("alpha", d.alpha)?,
                        eps: number("eps", d.eps)?,
                        weight_decay: number("weight_decay", d.weight_decay)?,
                        momentum: number("momentum", d.momentum)?,
                        centered: flag("centered")?,
                        maximize,
                    })
                }
                _ => {
                    let d = if text == "AdamW" { AdamConfig::ADAMW } else { AdamConfig::DEFAULT };
                    let betas = match find("betas")? {
                        Some(betas) => betas.vector(2).map(|b| (b[0], b[1]))?,
                        None => d.betas,
                    };
                    Base::Adam(AdamConfig {
                        lr: number("lr", d.lr)?,
                        betas,
                        eps: number("eps", d.eps)?,
                        weight_decay: number("weight_decay", d.weight_decay)?,
                        amsgrad: flag("amsgrad")?,
                        maximize,
                        ..d
                    })
                }
            })
        })
        .collect()
}
