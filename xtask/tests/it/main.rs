//! Stories against a local AWS that runs in this process, told with the program that people run.

mod access;
mod bootstrap;
mod browser;
mod config;
mod deploy;
mod drift;
mod hand;
mod image;
mod interview;
mod live;
mod login;
mod page;
mod people;
mod person;
mod readme;
mod refusals;
mod secrets;
mod signals;
mod slow;
mod stages;
mod surroundings;
mod tidy;
mod together;
mod work;
mod world;
