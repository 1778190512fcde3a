//! `aadl verify` as a library: recorded runs of AADL pass, and faults put into them do not. And what
//! no recorded run shows of the compatible mode: float32, NaN.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use aadl_core::Real;
use aadl_core::optim::SgdConfig;
use aadl_host::compat::{
    Aadl, AccelerationType, Settings, extrapolate_normal_equation, extrapolate_qr,
};
use aadl_host::optim::Base;
use aadl_host::verify::{Error, Report, run};
use serde_json::{Value, json};
use tempfile::TempDir;

fn references() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/aadl")
}

fn load(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(references().join(name)).unwrap()).unwrap()
}

/// The report on a folder with these files.
fn report(files: &[(&str, String)]) -> Report {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    run(folder.path()).unwrap()
}

/// The one case of a file that holds `value`.
fn only(value: &Value) -> aadl_host::verify::Case {
    let mut report = report(&[("case.json", value.to_string())]);
    assert_eq!(report.cases.len(), 1);
    report.cases.remove(0)
}

const NESTEROV: &str = "traj_quad_sgd_nesterov_safe.json";
const BATCHES: &str = "traj_logistic_minibatch_avg_safe.json";
const GROUPS: &str = "traj_quad_2groups_adam_normaleq_safe.json";
const LEAST_SQUARES: &str = "ls_cases.json";

#[test]
fn recorded_runs_pass() {
    let report = run(&references()).unwrap();
    assert!(report.pass(), "{report}");
    let count = |prefix: &str| report.cases.iter().filter(|c| c.file.starts_with(prefix)).count();
    assert_eq!((count("traj_"), count("ls_")), (11, 40));
    for case in &report.cases {
        // The same events, too.
        assert!(!case.note.contains("events"), "{case:?}");
        let (deviation, tolerance) = (case.deviation.unwrap(), case.tolerance.unwrap());
        assert!(deviation <= tolerance);
        if case.file.starts_with("traj_") {
            assert_eq!(tolerance, 1e-8);
        }
    }
    // The rank-deficient matrices are compared, by their residual norms at least.
    assert_eq!(report.cases.iter().filter(|c| c.note.starts_with("residual norm")).count(), 4);
}

#[test]
fn a_changed_number_fails() {
    for (name, pointer) in [
        (NESTEROV, "/theta/59/2"),
        (NESTEROV, "/theta/0/0"),
        (NESTEROV, "/loss/30"),
        (BATCHES, "/theta/17/3"),
        (GROUPS, "/theta/59/5"),
        ("traj_mlp_sgd_average.json", "/theta/40/12"),
        ("traj_rosenbrock_sgd_safe.json", "/theta/59/1"),
    ] {
        let mut file = load(name);
        let number = file.pointer_mut(pointer).unwrap();
        let x = number.as_f64().unwrap();
        *number = json!(x + 3e-8 * x.abs().max(10.0));
        let case = only(&file);
        assert!(!case.pass && case.deviation.unwrap() < 1e-5, "{name} {pointer}: {case:?}");
    }
}

#[test]
fn a_changed_setting_fails() {
    for (name, pointer, value) in [
        (NESTEROV, "/accelerate/relaxation", json!(0.6)),
        (NESTEROV, "/accelerate/history_depth", json!(5)),
        (NESTEROV, "/accelerate/frequency", json!(2)),
        (NESTEROV, "/accelerate/store_each_nth", json!(2)),
        ("traj_quad_sgd_plain.json", "/accelerate/wait_iterations", json!(10)),
        (NESTEROV, "/accelerate/reg_acc", json!(1e-3)),
        (NESTEROV, "/accelerate/acceleration_type", json!("identity")),
        (NESTEROV, "/closure", json!(false)),
        (NESTEROV, "/optimizer/lr", json!(0.011)),
        (NESTEROV, "/optimizer/momentum", json!(0.8)),
        (NESTEROV, "/optimizer/nesterov", json!(false)),
        (NESTEROV, "/data/c/0", json!(0.423)),
        (BATCHES, "/data/batch", json!(4)),
        (BATCHES, "/data/y/2", json!(0.5)),
        (BATCHES, "/accelerate/average", json!(false)),
        (GROUPS, "/optimizer/lr/1", json!(0.2)),
        (GROUPS, "/groups", json!([[0, 2], [2, 6]])),
        ("traj_mlp_rmsprop_stale_revert.json", "/data/X/3/1", json!(0.5)),
        ("traj_mlp_adam_normaleq_late.json", "/accelerate/reg_acc", json!(1e-2)),
    ] {
        let mut file = load(name);
        let field = file.pointer_mut(pointer).unwrap();
        assert_ne!(*field, value);
        *field = value;
        let case = only(&file);
        assert!(!case.pass && case.deviation.is_some(), "{name} {pointer}: {case:?}");
    }
}

#[test]
fn what_cannot_be_read_fails_by_name() {
    for (name, pointer, value, message) in [
        (NESTEROV, "/format", json!("aadl-traj-v2"), "format: unknown format"),
        (NESTEROV, "/problem", json!("Beale"), "problem: unknown problem"),
        (NESTEROV, "/theta/7/1", json!("nan"), "theta[7][1]: expected a finite number"),
        (NESTEROV, "/theta/7/1", Value::Null, "theta[7][1]: expected a finite number"),
        (NESTEROV, "/theta/7", json!([1.0]), "theta[7]: 1 elements where 6"),
        (NESTEROV, "/loss", json!([1.0]), "loss: 1 elements where 60"),
        (NESTEROV, "/steps", json!(61), "theta: 60 elements where 61"),
        (NESTEROV, "/steps", json!(-1), "steps: expected a whole number"),
        (NESTEROV, "/theta0", json!([]), "data.d: 6 elements where 0"),
        (NESTEROV, "/data/c", json!([1.0]), "data.c: 1 elements where 6"),
        (NESTEROV, "/data/d", Value::Null, "data.d: missing"),
        (NESTEROV, "/groups", json!([[0, 4], [3, 6]]), "groups[1]: overlaps"),
        (NESTEROV, "/groups", json!([[0, 4]]), "groups: some parameters"),
        (NESTEROV, "/groups", json!([[0, 7]]), "groups[0]: not a range"),
        (NESTEROV, "/optimizer/name", json!("Rprop"), "optimizer.name: unknown optimizer"),
        (NESTEROV, "/optimizer/lr", json!([0.1, 0.2]), "optimizer.lr: 2 elements where 1"),
        (NESTEROV, "/optimizer/lr", json!(-0.1), "optimizer: lr: must satisfy"),
        (NESTEROV, "/accelerate/frequency", json!(0), "accelerate: frequency: must satisfy"),
        (NESTEROV, "/accelerate/relaxation", json!("1"), "accelerate.relaxation: expected"),
        (
            NESTEROV,
            "/accelerate/acceleration_type",
            json!("broyden"),
            "accelerate.acceleration_type: unknown",
        ),
        (NESTEROV, "/closure", json!("yes"), "closure: expected true or false"),
        (LEAST_SQUARES, "/cases", json!([]), "cases: no cases"),
    ] {
        let mut file = load(name);
        *file.pointer_mut(pointer).unwrap() = value;
        let case = only(&file);
        assert!(!case.pass && case.note.contains(message), "{pointer}: {case:?}");
    }
    for key in ["theta0", "groups", "optimizer", "accelerate", "closure", "steps", "theta", "loss"]
    {
        let mut file = load(NESTEROV);
        file.as_object_mut().unwrap().remove(key);
        let case = only(&file);
        assert!(!case.pass && case.note == format!("{key}: missing"), "{case:?}");
    }
    for (part, key) in [("optimizer", "warmup"), ("accelerate", "safeguard"), ("data", "noise")] {
        let mut file = load(NESTEROV);
        file[part][key] = json!(1);
        let case = only(&file);
        assert_eq!(case.note, format!("{part}.{key}: unknown setting"));
        assert!(!case.pass);
    }
}

#[test]
fn a_bad_file_fails_and_the_others_are_still_compared() {
    let good = load(NESTEROV).to_string();
    let report = report(&[
        ("a_truncated.json", good[..good.len() / 2].to_owned()),
        ("b_good.json", good.clone()),
        ("c_empty.json", String::new()),
        ("d_other.json", "[1, 2]".to_owned()),
        ("e_nan.json", good.replacen("145.6", "NaN, 5.6", 1)),
        ("notes.txt", "not looked at".to_owned()),
    ]);
    let passed: Vec<bool> = report.cases.iter().map(|case| case.pass).collect();
    assert_eq!(passed, [false, true, false, false, false], "{report}");
    assert!(!report.pass());
    assert!(report.to_string().contains("1 of 5 passed"));
    assert!(report.cases[0].note.starts_with("no valid JSON"));
}

#[test]
fn faults_in_least_squares_cases_fail() {
    let changed = |id: &str, change: fn(&mut Value)| {
        let mut file = load(LEAST_SQUARES);
        let cases = file["cases"].as_array_mut().unwrap();
        cases.retain(|case| case["id"] == id);
        change(&mut cases[0]);
        report(&[("ls.json", file.to_string())])
    };
    let failures = |report: &Report| report.cases.iter().filter(|case| !case.pass).count();
    assert_eq!(failures(&changed("public-03", |_| ())), 0);
    for (report, expected) in [
        (changed("public-03", |case| change_vector(case, "anderson")), 1),
        (changed("public-03", |case| change_vector(case, "anderson_normal_equation")), 1),
        (changed("public-ill1", |case| change_vector(case, "anderson")), 1),
        (changed("public-ill2", |case| change_vector(case, "anderson")), 1),
        (changed("public-02", |case| case["relaxation"] = json!(0.2)), 2),
        (changed("public-05", |case| case["regularization"] = json!(0.0)), 1),
        (changed("public-02", |case| case["X_float32_rows"][1][2] = json!("x")), 1),
        (changed("public-02", |case| case["X_float32_rows"][1][2] = json!("NaN")), 1),
        (changed("public-02", |case| case["cols"] = json!(7)), 1),
        (changed("public-02", |case| case["N"] = json!(9)), 1),
        (changed("public-02", |case| case["anderson"] = json!({})), 1),
    ] {
        assert_eq!(failures(&report), expected, "{report}");
    }
}

/// Changes the first element of a recorded vector by a millionth.
fn change_vector(case: &mut Value, key: &str) {
    let x = case[key]["extrapolated"][0].as_f64().unwrap();
    case[key]["extrapolated"][0] = json!(x * (1.0 + 1e-6));
}

#[test]
fn a_folder_without_references_does_not_pass() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(run(folder.path()), Err(Error::NoReference(_))));
    fs::write(folder.path().join("readme.md"), "text").unwrap();
    assert!(matches!(run(folder.path()), Err(Error::NoReference(_))));
    // A report of the command itself is no reference.
    let report = serde_json::to_string(&report(&[("a.json", "{}".to_owned())])).unwrap();
    fs::write(folder.path().join("report.json"), report).unwrap();
    assert!(matches!(run(folder.path()), Err(Error::NoReference(_))));
    assert!(matches!(run(&folder.path().join("missing")), Err(Error::Folder(..))));
}

/// Every setting may be one value or a list with one a group, and AADL takes names in any case.
#[test]
fn equal_ways_to_write_a_file_pass() {
    let mut file = load(GROUPS);
    file["accelerate"]["acceleration_type"] = json!("Anderson_Normal_Equation");
    file["accelerate"]["history_device"] = json!("cpu");
    file["optimizer"]["betas"] = json!([[0.9, 0.999], [0.9, 0.999]]);
    file["optimizer"]["eps"] = json!([1e-8, 1e-8]);
    file["optimizer"]["amsgrad"] = json!([false, false]);
    file["optimizer"]["weight_decay"] = json!(0);
    file.as_object_mut().unwrap().remove("events");
    let case = only(&file);
    assert!(case.pass, "{case:?}");
    file["optimizer"]["betas"] = json!([0.9, 0.999]);
    assert!(only(&file).pass);
    file["optimizer"]["betas"] = json!([[0.9, 0.999], [0.8, 0.999]]);
    assert!(!only(&file).pass);
}

/// Eight steps of AADL, in `T`, on a quadratic; the events and the parameters.
fn eight_steps<T: Real>(kind: AccelerationType) -> (Vec<String>, Vec<f64>) {
    let settings = Settings {
        acceleration_type: kind,
        relaxation: 0.5,
        history_depth: 4,
        frequency: 2,
        reg_acc: 1e-4,
        average: true,
        ..Settings::default()
    };
    let sgd = Base::Sgd(SgdConfig { lr: 0.125, ..SgdConfig::DEFAULT });
    let group = |range: Range<usize>| (range.clone(), sgd.build(range.len()).unwrap());
    let mut aadl = Aadl::<T>::new(settings, vec![group(0..2), group(2..3)]).unwrap();
    let mut x = [3.0, -2.0, 1.0].map(T::from_f64);
    let weights = [1.0, 4.0, 2.0].map(T::from_f64);
    let mut events = Vec::new();
    for _ in 0..8 {
        let grad = [x[0] * weights[0], x[1] * weights[1], x[2] * weights[2]];
        let mut loss = |x: &[T]| {
            x[0] * x[0] * weights[0] + x[1] * x[1] * weights[1] + x[2] * x[2] * weights[2]
        };
        let happened = aadl.step(&mut x, &grad, Some(&mut loss)).unwrap();
        events.extend(happened.iter().map(ToString::to_string));
    }
    (events, x.iter().map(|x| x.to_f64()).collect())
}

#[test]
fn float32_does_the_same_to_its_precision() {
    for kind in [AccelerationType::Anderson, AccelerationType::AndersonNormalEquation] {
        let (events, x) = eight_steps::<f64>(kind);
        let (single_events, single_x) = eight_steps::<f32>(kind);
        assert_eq!(events, single_events);
        for event in ["store", "acc0", "avg0"] {
            assert!(events.iter().any(|e| e == event), "{event}: {events:?}");
        }
        for (x, single) in x.iter().zip(&single_x) {
            assert!((x - single).abs() <= 1e-5, "{x} {single}");
        }
    }
}

/// AADL's QR in float32, where it was recorded (the hard windows, rank-deficient ones among them),
/// and its float64 numbers where the window is well-conditioned.
#[test]
fn extrapolation_in_float32_is_aadls() {
    let file = load(LEAST_SQUARES);
    let [mut recorded, mut rounded] = [0; 2];
    for case in file["cases"].as_array().unwrap() {
        let rows: Vec<Vec<f32>> = case["X_float32_rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_array().unwrap().iter().map(parse).collect())
            .collect();
        let columns: Vec<Vec<f32>> =
            (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).collect()).collect();
        let iterates: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let setting = |name: &str| case[name].as_f64().unwrap();
        let found =
            extrapolate_qr(&iterates, setting("relaxation"), setting("regularization")).unwrap();

        // Of the columns that count; the repeated one of the case without a number does not.
        let condition = case["cond_DR"].as_f64().unwrap_or(10.0);
        let expected: Vec<f32> = match case["anderson"]["float32_result"].as_array() {
            Some(result) => {
                recorded += 1;
                result.iter().map(parse).collect()
            }
            None if condition < 100.0 => {
                rounded += 1;
                let result = case["anderson"]["extrapolated"].as_array().unwrap();
                result.iter().map(|x| x.as_f64().unwrap() as f32).collect()
            }
            None => continue,
        };
        let largest = expected.iter().fold(1.0f32, |max, x| max.max(x.abs()));
        for (x, y) in found.point.iter().zip(&expected) {
            let deviation = f64::from((x - y).abs() / largest);
            let tolerance = 4.0 * f64::from(f32::EPSILON) * condition.max(1.0);
            assert!(deviation <= tolerance, "{}: {deviation:e} {tolerance:e}", case["id"]);
        }
    }
    assert_eq!((recorded, rounded), (3, 13));
}

fn parse(x: &Value) -> f32 {
    x.as_str().unwrap().parse().unwrap()
}

/// Without finite checks a NaN goes through; nothing panics.
#[test]
fn nan_goes_through_the_extrapolation() {
    let iterates: [&[f64]; 4] = [&[1.0, 2.0], &[f64::NAN, 1.0], &[0.5, 0.5], &[0.25, 0.25]];
    for extrapolate in [extrapolate_qr::<f64>, extrapolate_normal_equation::<f64>] {
        let found = extrapolate(&iterates, 0.5, 0.0).unwrap();
        assert!(found.gamma.iter().chain(&found.point).all(|x| x.is_nan()));
    }
}
