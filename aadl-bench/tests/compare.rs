//! The worker that `compare/run.py` asks, from outside.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use aadl_host::compat::extrapolate_qr;

struct Worker {
    process: Child,
    replies: BufReader<ChildStdout>,
}

impl Worker {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_compare-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let replies = BufReader::new(process.stdout.take().unwrap());
        Self { process, replies }
    }

    fn ask(&mut self, request: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{request}").unwrap();
        let mut reply = String::new();
        self.replies.read_line(&mut reply).unwrap();
        reply.trim_end().to_owned()
    }

    /// Does this many steps and returns the result.
    fn run(&mut self, steps: u32, folder: &Path) -> Vec<f32> {
        let reply = self.ask(&format!("run {steps}"));
        let nanoseconds = reply.strip_prefix("ok ").expect("the steps are done");
        assert!(nanoseconds.parse::<u64>().unwrap() > 0);
        let path = folder.join("the result");
        assert_eq!(self.ask(&format!("write {}", path.display())), "ok");
        let bytes = fs::read(path).unwrap();
        bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect()
    }

    /// It ends with its input.
    fn end(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

fn write(folder: &Path, values: &[f32]) -> PathBuf {
    let path = folder.join("some data");
    fs::write(&path, values.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<_>>()).unwrap();
    path
}

#[test]
fn a_step_is_least_squares_on_the_window() {
    const N: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..9 * N).map(|i| (i * i % 997) as f32 / 997.0).collect();
    let data = write(folder.path(), &values);
    for gram in ["exact", "wide"] {
        let mut worker = Worker::start();
        assert_eq!(worker.ask("version"), format!("ok aadl {}", env!("CARGO_PKG_VERSION")));
        assert_eq!(worker.ask(&format!("step {gram} 6 {N} {}", data.display())), "ok");
        // The iterates go round: 0 to 5 fill the window, 6 is the first step's, 2 the sixth's.
        let first = worker.run(1, folder.path());
        let sixth = worker.run(5, folder.path());
        for (point, window) in [(&first, [1, 2, 3, 4, 5, 6]), (&sixth, [6, 7, 8, 0, 1, 2])] {
            let iterate = |i: usize| values[i * N..][..N].iter().map(|v| f64::from(*v)).collect();
            let window: [Vec<f64>; 6] = window.map(iterate);
            let window: Vec<&[f64]> = window.iter().map(Vec::as_slice).collect();
            let expected = extrapolate_qr(&window, 1.0, 0.0).unwrap().point;
            assert_eq!(point.len(), N);
            for (found, expected) in point.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        }
        assert_eq!(worker.run(9, folder.path()), sixth, "a whole turn changes no bit");
        worker.end();
    }
}

#[test]
fn every_training_run_begins_with_the_same_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let (params, batch) = (4 * 8 + 8 + 8 * 3 + 3, 5);
    // Equal outputs: the first loss is that of a guess.
    let mut values = vec![0.0; params];
    values.extend((0..batch * 4).map(|i| (i * i % 23) as f32 / 23.0));
    values.extend((0..batch).map(|i| (i % 3) as f32));
    let data = write(folder.path(), &values);
    let mut worker = Worker::start();
    assert_eq!(worker.ask(&format!("train 4,8,3 {batch} 0.5 {}", data.display())), "ok");
    let first = worker.run(1, folder.path());
    assert!((first[0] - 3.0f32.ln()).abs() < 1e-6, "{}", first[0]);
    let trained = worker.run(40, folder.path());
    assert_eq!(trained.len(), 1 + params);
    assert!(trained[0] < first[0]);
    assert_eq!(worker.run(40, folder.path()), trained);
    worker.end();
}

#[test]
fn mistakes_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let data = write(folder.path(), &[0.5; 60]);
    let mut worker = Worker::start();
    for (request, complaint) in [
        ("dance", "dance"),
        ("run 1", "nothing is prepared"),
        ("write result", "nothing is prepared"),
        ("step exact 6 10", "four words"),
        ("step exact 6 10 no such file", "no such file"),
        ("step exact 6 10 DATA", "not more than 6 iterates"),
        ("step exact 5 0 DATA", "0 numbers"),
        ("step exact 2 10 DATA", "3 <= depth"),
        ("step rough 5 10 DATA", "rough"),
        ("step exact -5 10 DATA", "-5"),
        ("train 4 5 0.1 DATA", "layers"),
        ("train 4,3 0 0.1 DATA", "batch of 0"),
        ("train 4,3 5 0.1 DATA", "batch of 5"),
        ("train 4,3 9 -1 DATA", "lr"),
        // 15 parameters, 9 rows of 4, 9 classes: this fits, and is all the same number.
        ("train 4,3 9 0.1 DATA", ""),
        ("run 0", "\"0\""),
        ("run many", "many"),
        ("write .", "."),
    ] {
        let reply = worker.ask(&request.replace("DATA", &data.display().to_string()));
        if complaint.is_empty() {
            assert_eq!(reply, "ok", "{request}");
        } else {
            assert!(reply.starts_with("error ") && reply.contains(complaint), "{request}: {reply}");
        }
    }
    // Iterates that do not move leave nothing to accelerate.
    assert_eq!(worker.ask(&format!("step exact 5 10 {}", data.display())), "ok");
    assert!(worker.ask("run 1").starts_with("error no accelerated point"), "zero residuals");
    worker.end();
}
