//! Stories against a local AWS that runs in this process, told with the program that people run.

mod bootstrap;
mod tidy;
mod world;
