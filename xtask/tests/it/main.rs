//! Stories of the commands, as a person runs them, against a sandbox in this process.

mod access;
