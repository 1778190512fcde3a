//! The benchmark suite: what training costs by each method, in evaluations.
//!
//! | file | what it holds |
//! |---|---|
//! | `objective` | [`Problem`](objective::Problem), [`Method`](objective::Method), the count of evaluations |
//! | `tasks`, `functions` | the full-batch tasks, and AADL's test functions |
//! | `methods` | the engine, and the rivals |
//! | `rivals` | the grids of those that have settings to tune |
//! | `record` | finished runs on disk |
//! | `tuning` | runs over seeds, the best of a grid |
//! | `run` | all methods on all tasks, on all cores |
//! | `report` | tables and pictures |

pub mod functions;
pub mod methods;
pub mod objective;
pub mod record;
pub mod report;
pub mod rivals;
pub mod run;
pub mod tasks;
pub mod tuning;
