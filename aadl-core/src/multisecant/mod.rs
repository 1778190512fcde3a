//! Training without a learning rate: multisecant Anderson acceleration on gradient pairs, blended with
//! L-BFGS.

mod config;
mod direction;
mod engine;
mod outcome;
mod owner;
mod pairs;
mod products;
mod small;
mod state;

pub use config::{Bounds, Config, MAX_WINDOW};
pub use engine::MultisecantMut;
pub use outcome::{Asked, Reason, Stats, Told};
pub use owner::Multisecant;
pub use state::{Memory, State};
