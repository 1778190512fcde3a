//! The benchmark suite: what training costs by each method, in evaluations.
//!
//! | file | what it holds |
//! |---|---|
//! | `objective` | [`Problem`](objective::Problem), [`Method`](objective::Method), the count of evaluations |
//! | `tasks`, `functions` | the full-batch tasks, and AADL's test functions |
//! | `held_out` | tasks that nothing was chosen on |
//! | `methods` | the engine, and the rivals |
//! | `short_memory` | Anderson mixing with one pair or two, a rival of the smallest engines |
//! | `rivals` | the grids of those that have settings to tune |
//! | `record` | finished runs on disk |
//! | `tuning` | runs over seeds, the best of a grid |
//! | `run` | all methods on all tasks, on all cores |
//! | `report`, `pictures` | tables and pictures |
//! | `document` | generated blocks in a document that people write |
//! | `failure` | the errors |
//! | `pool` | jobs over threads, results in order |
//! | `maps`, `map_problems`, `map_report` | fixed-point maps |
//! | `mini_batch` | training in mini-batches |

pub mod document;
pub mod failure;
pub mod functions;
pub mod held_out;
pub mod map_problems;
pub mod map_report;
pub mod maps;
pub mod methods;
pub mod mini_batch;
pub mod objective;
pub mod pictures;
pub mod pool;
pub mod record;
pub mod report;
pub mod rivals;
pub mod run;
pub mod short_memory;
pub mod tasks;
pub mod tuning;
