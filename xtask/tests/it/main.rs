//! Stories against a local AWS that runs in this process, told with the program that people run.

mod access;
mod bootstrap;
mod browser;
mod config;
mod deploy;
mod drift;
mod garbled;
mod hand;
mod image;
mod interview;
mod live;
mod login;
mod mutants;
mod page;
mod people;
mod person;
mod policies;
mod readme;
mod refusals;
mod secrets;
mod signals;
mod stages;
mod tidy;
mod together;
mod work;
mod world;
