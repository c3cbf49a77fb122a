//! Stories of the engine, told with toys on a paused clock.

mod judging;
mod order;
mod random;
mod retiring;
mod stopping;
mod survival;
mod toys;
mod waiting;
