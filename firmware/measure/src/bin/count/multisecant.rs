//! The engine without a learning rate: products of columns, and its two halves of a step, once all
//! pairs are in use. Of `ask`, the solve is counted apart, too: asked again, it has none to do.

use crate::figure;
use aadl_core::kernels::{Column, Kernels, Portable, Scaled};
use aadl_core::multisecant::{Asked, Config, Memory, MultisecantMut, State, Told};
use aadl_core::random::Random;
use core::hint::black_box;
use measure::clock::Clock;
use static_cell::ConstStaticCell;

/// The most parameters and pairs.
const N: usize = 1024;
const M: usize = 10;
/// Until all pairs are in use.
const STEPS: usize = 14;
/// The last pair up to there that brings a new scaling.
const SCALING: u32 = 8;

struct Buffers<C> {
    steps: [[C; N]; M],
    changes: [[C; N]; M],
    point: [f32; N],
    kept: [f32; N],
    x: [f32; N],
    gradient: [f32; N],
    squares: [[[f32; M]; M]; 3],
    rows: [[f32; M]; 7],
    exponents: [[i16; M]; 2],
    pivots: [u16; M],
}

impl<C: Column> Buffers<C> {
    const EMPTY: Self = Self {
        steps: [[C::ZERO; N]; M],
        changes: [[C::ZERO; N]; M],
        point: [0.0; N],
        kept: [0.0; N],
        x: [0.0; N],
        gradient: [0.0; N],
        squares: [[[0.0; M]; M]; 3],
        rows: [[0.0; M]; 7],
        exponents: [[0; M]; 2],
        pivots: [0; M],
    };
}

static WORDS: ConstStaticCell<Buffers<i16>> = ConstStaticCell::new(Buffers::EMPTY);
static BYTES: ConstStaticCell<Buffers<i8>> = ConstStaticCell::new(Buffers::EMPTY);

pub(crate) fn count(clock: &mut Clock) {
    format(clock, "i16", WORDS.take());
    format(clock, "i8", BYTES.take());
}

fn format<C: Column>(clock: &mut Clock, name: &str, buffers: &mut Buffers<C>) {
    dots(clock, name, buffers);
    for n in [64, 256, N] {
        for pairs in [5, M] {
            steps(clock, name, n, pairs, buffers);
        }
    }
}

/// Two products each of eight columns.
fn dots<C: Column>(clock: &mut Clock, name: &str, buffers: &mut Buffers<C>) {
    const COLUMNS: usize = 8;
    const LENGTH: usize = 256;
    let mut random = Random::new(3);
    buffers.x.iter_mut().for_each(|x| *x = random.uniform());
    for column in &mut buffers.steps {
        column.iter_mut().for_each(|e| *e = C::quantise(random.uniform(), C::units(0)));
    }
    let scaled = |i: usize| Scaled { elements: &buffers.steps[i][..LENGTH], exponent: 0 };
    let columns: [_; COLUMNS] = core::array::from_fn(scaled);
    let vector = Scaled { elements: &buffers.x[..LENGTH], exponent: 0 };
    let mut out = [[0.0; 2]; COLUMNS];
    let (columns, newest) = black_box((&columns, scaled(COLUMNS)));
    let (vector, out) = black_box((vector, &mut out));
    let counted = clock.count(move || Portable::column_dots(columns, newest, vector, out)).0;
    figure(format_args!("column-dots-{name}/{LENGTH}x{COLUMNS}"), 2 * COLUMNS * LENGTH, counted);
}

fn steps<C: Column>(
    clock: &mut Clock,
    name: &str,
    n: usize,
    pairs: usize,
    buffers: &mut Buffers<C>,
) {
    let memory = Memory {
        steps: buffers.steps.as_flattened_mut(),
        changes: buffers.changes.as_flattened_mut(),
        point: &mut buffers.point,
        gradient: &mut buffers.kept,
        squares: buffers.squares.as_flattened_mut().as_flattened_mut(),
        rows: buffers.rows.as_flattened_mut(),
        exponents: buffers.exponents.as_flattened_mut(),
        pivots: &mut buffers.pivots,
    };
    let mut state = State::new();
    let mut engine: MultisecantMut<'_, C> =
        MultisecantMut::new(n, pairs, n, memory, &mut state).expect("the buffers fit");
    let (x, gradient) = (&mut buffers.x[..n], &mut buffers.gradient[..n]);
    x.fill(0.0);
    let (mut told, mut scaled, mut asked, mut solved) = (0, 0, 0, 0);
    for _ in 0..STEPS {
        // Curvatures from 1 to 1000, not evenly spaced: not done with in so few steps.
        let mut loss = 0.0;
        for (i, (x, g)) in x.iter().zip(&mut *gradient).enumerate() {
            let place = i as f32 / n as f32;
            let weight = 1.0 + 999.0 * place * place * place;
            *g = weight * (x - 1.0);
            loss += 0.5 * *g * (x - 1.0);
        }
        let config = black_box(&Config::DEFAULT);
        let (x, gradient) = black_box((&mut *x, &mut *gradient));
        let accepted = engine.state().stats().accepted;
        let mut tell = || engine.tell(config, x, loss, gradient);
        // A scaling of the most parameters takes longer than the Cortex-M0's timer runs.
        let counted = if n == N && accepted <= SCALING { (0, tell()) } else { clock.count(tell) };
        match counted {
            (counted, Ok(Told::Accepted)) if accepted == SCALING => scaled = counted,
            (counted, Ok(Told::Accepted)) => told = counted,
            _ => {}
        }
        // Asked again, it combines the pairs once more as it has found: what the first time takes
        // more is the solve.
        let mut ask = || clock.count(|| engine.ask(config, x));
        let ((counted, outcome), (again, _)) = (ask(), ask());
        if outcome == Ok(Asked::Pairs) {
            (asked, solved) = (counted, counted.saturating_sub(again));
        }
    }
    assert_eq!(engine.state().stats().columns_dropped, 0, "columns were dropped");
    figure(format_args!("multisecant-tell-{name}/{n}x{pairs}"), n, told);
    if n < N {
        figure(format_args!("multisecant-scale-{name}/{n}x{pairs}"), n, scaled);
    }
    figure(format_args!("multisecant-ask-{name}/{n}x{pairs}"), n, asked);
    figure(format_args!("multisecant-solve-{name}/{n}x{pairs}"), 0, solved);
}
