//! Stories of the engine, told with toys on a paused clock.

mod judging;
mod order;
mod retiring;
mod toys;
