//! Our side of `compare/run.py`: prepares a piece of work, and times steps of it when asked.
//!
//! One request a line on standard input, one reply a line on standard output: `ok`, with what was
//! asked for, or `error` and why. It ends with its input. Files hold float32 in the machine's byte
//! order and nothing else.
//!
//! | request | reply |
//! |---|---|
//! | `version` | `ok` and a text |
//! | `step GRAM M N FILE` | `ok` once the window is full |
//! | `train LAYERS BATCH LR FILE` | `ok` |
//! | `run STEPS` | `ok` and nanoseconds |
//! | `write FILE` | `ok` once the result of the last step is in the file |
//!
//! `step`: the file holds more than `M` iterates of `N` numbers, which are used round and round;
//! `GRAM` is `exact` or `wide`. A step appends the next iterate, drops the oldest, solves least
//! squares in the window's `M - 2` columns and forms the accelerated point, which is the result.
//! The window is that of a map whose accelerated points are all rejected, so that it always holds
//! `M` iterates in a row: each step also restores the plain iterate, one copy of `N` numbers.
//!
//! `train`: `LAYERS` are widths such as `64,32,10`, with ReLU between them; the file holds the
//! parameters, then `BATCH` rows of inputs, then `BATCH` classes. A step is cross-entropy and its
//! gradient on that batch, then gradient descent; every `run` begins with these parameters. The
//! result is the last loss, then the parameters.

use std::io::{self, BufRead, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aadl_core::anderson::{Config, Reason, Safeguard, Step};
use aadl_core::kernels::Gram;
use aadl_core::nn::{Activation, Layer, Loss, Network, Targets};
use aadl_core::optim::{Optimizer, Sgd, SgdConfig};
use aadl_host::owned::AndersonVec;
use aadl_host::simd::Fastest;

type Outcome<T = ()> = Result<T, String>;

/// Something that can be repeated.
trait Work {
    /// Does this many steps.
    fn run(&mut self, steps: u64) -> Outcome;
    /// What the last step computed.
    fn result(&self) -> Vec<f32>;
}

fn main() -> ExitCode {
    let mut work: Option<Box<dyn Work>> = None;
    for line in io::stdin().lock().lines() {
        let reply = line.map_err(|e| e.to_string()).and_then(|line| answer(&line, &mut work));
        let (word, text) = match reply {
            Ok(text) => ("ok", text),
            Err(text) => ("error", text),
        };
        // The other end may be gone.
        if writeln!(io::stdout(), "{}", format!("{word} {text}").trim_end()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Does what a line asks for.
fn answer(line: &str, work: &mut Option<Box<dyn Work>>) -> Outcome<String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    match verb {
        "version" => return Ok(format!("aadl {}", env!("CARGO_PKG_VERSION"))),
        "step" => *work = Some(Box::new(Stepping::prepare(rest)?)),
        "train" => *work = Some(Box::new(Training::prepare(rest)?)),
        "run" => {
            let work = work.as_mut().ok_or("nothing is prepared")?;
            let steps: NonZeroU64 = number(rest)?;
            let start = Instant::now();
            work.run(steps.get())?;
            return Ok(start.elapsed().as_nanos().to_string());
        }
        "write" => {
            let result = work.as_ref().ok_or("nothing is prepared")?.result();
            let bytes: Vec<u8> = result.iter().flat_map(|value| value.to_ne_bytes()).collect();
            std::fs::write(rest, bytes).map_err(|e| format!("{rest}: {e}"))?;
        }
        _ => return Err(format!("no such request: {verb:?}")),
    }
    Ok(String::new())
}

/// The accelerated step on a full window.
struct Stepping {
    config: Config,
    owner: AndersonVec<f32>,
    iterates: Vec<f32>,
    /// Index of the next iterate.
    next: usize,
    x: Vec<f32>,
    accelerated: Vec<f32>,
}

impl Stepping {
    fn prepare(request: &str) -> Outcome<Self> {
        let [gram, depth, n, path] = words(request)?;
        let gram = match gram {
            "exact" => Gram::Exact,
            "wide" => Gram::Wide,
            _ => return Err(format!("neither exact nor wide: {gram:?}")),
        };
        let (depth, n): (usize, usize) = (number(depth)?, number(n)?);
        let iterates = read(path)?;
        if n == 0 || iterates.len() % n != 0 || iterates.len() / n <= depth {
            return Err(format!("{path}: not more than {depth} iterates of {n} numbers"));
        }
        let owner = AndersonVec::new(n, depth).map_err(|e| e.to_string())?;
        // Accelerates at every step, and leaves the window as it would be without.
        let config = Config { gram, frequency: 1, safeguard: Safeguard::Loss, ..Config::DEFAULT };
        let (x, accelerated) = (vec![0.0; n], vec![0.0; n]);
        let mut stepping = Self { config, owner, iterates, next: 0, x, accelerated };
        for _ in 0..depth {
            stepping.step(|_| ())?;
        }
        Ok(stepping)
    }

    /// One step, which shows its accelerated point to `see`.
    fn step(&mut self, mut see: impl FnMut(&[f32])) -> Outcome<Step> {
        let n = self.x.len();
        self.x.copy_from_slice(&self.iterates[self.next * n..][..n]);
        self.next = (self.next + 1) % (self.iterates.len() / n);
        let mut points = 0;
        let loss = |point: &[f32]| {
            points += 1;
            // The first is the plain one.
            if points == 2 {
                see(point);
            }
            0.0
        };
        self.owner.view().step_with(&self.config, &mut self.x, loss).map_err(|e| e.to_string())
    }
}

impl Work for Stepping {
    fn run(&mut self, steps: u64) -> Outcome {
        for _ in 1..steps {
            self.step(|_| ())?;
        }
        let mut accelerated = std::mem::take(&mut self.accelerated);
        let step = self.step(|point| accelerated.copy_from_slice(point));
        self.accelerated = accelerated;
        match step? {
            Step::Rejected(Reason::Loss) => Ok(()),
            step => Err(format!("no accelerated point: {step:?}")),
        }
    }

    fn result(&self) -> Vec<f32> {
        self.accelerated.clone()
    }
}

/// Gradient descent on one batch.
struct Training {
    layers: Vec<Layer>,
    sgd: Sgd,
    initial: Vec<f32>,
    params: Vec<f32>,
    grad: Vec<f32>,
    scratch: Vec<f32>,
    inputs: Vec<f32>,
    classes: Vec<u8>,
    loss: f32,
}

impl Training {
    fn prepare(request: &str) -> Outcome<Self> {
        let [widths, batch, lr, path] = words(request)?;
        let widths = widths.split(',').map(number).collect::<Outcome<Vec<usize>>>()?;
        let mut layers: Vec<Layer> =
            widths.windows(2).map(|w| Layer::dense(w[0], w[1], Activation::Relu)).collect();
        if let Some(last) = layers.last_mut() {
            last.activation = Activation::Identity;
        }
        let net = <Network>::new(&layers).map_err(|e| e.to_string())?;
        let batch: usize = number(batch)?;
        let sgd = Sgd::new(SgdConfig { lr: number(lr)?, ..SgdConfig::DEFAULT }, [])
            .map_err(|e| e.to_string())?;
        let mut initial = read(path)?;
        let rows = batch.saturating_mul(net.inputs());
        if batch == 0 || initial.len() != net.params().saturating_add(rows).saturating_add(batch) {
            return Err(format!("{path}: not the parameters and a batch of {batch}"));
        }
        let mut inputs = initial.split_off(net.params());
        let classes = inputs.split_off(rows).into_iter().map(|class| class as u8).collect();
        let (grad, scratch) = (vec![0.0; initial.len()], vec![0.0; net.scratch(batch)]);
        let params = initial.clone();
        Ok(Self { layers, sgd, initial, params, grad, scratch, inputs, classes, loss: f32::NAN })
    }
}

impl Work for Training {
    fn run(&mut self, steps: u64) -> Outcome {
        self.params.copy_from_slice(&self.initial);
        let net = <Network>::new(&self.layers).map_err(|e| e.to_string())?.on::<Fastest>();
        for _ in 0..steps {
            self.loss = net
                .loss_and_gradient(
                    Loss::CrossEntropy,
                    &self.params,
                    &self.inputs,
                    Targets::Classes(&self.classes),
                    &mut self.grad,
                    &mut self.scratch,
                )
                .map_err(|e| e.to_string())?;
            self.sgd.step(&mut self.params, &self.grad).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn result(&self) -> Vec<f32> {
        [self.loss].into_iter().chain(self.params.iter().copied()).collect()
    }
}

/// The four words of a request; the last may contain spaces.
fn words(request: &str) -> Outcome<[&str; 4]> {
    let words: Vec<&str> = request.splitn(4, ' ').collect();
    words.try_into().map_err(|_| format!("four words are needed: {request:?}"))
}

fn number<T: std::str::FromStr>(word: &str) -> Outcome<T> {
    word.parse().map_err(|_| format!("not a number of this kind: {word:?}"))
}

fn read(path: impl AsRef<Path>) -> Outcome<Vec<f32>> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (values, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(format!("{}: not float32", path.display()));
    }
    Ok(values.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect())
}
