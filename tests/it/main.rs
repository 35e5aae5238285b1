//! Helan from outside: real sockets, real processes.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::cast_precision_loss,
    clippy::format_push_string,
    clippy::assigning_clones,
    clippy::unused_self,
    reason = "tests say what went wrong by failing, measure time by the clock, and read best as one story"
)]

mod support;

mod answers;
mod architecture;
mod checking;
mod console;
mod decisions;
mod demo;
mod deployment;
mod detecting;
mod faults;
mod identify;
mod invariants;
mod journal;
mod limits;
mod listening;
mod operating;
mod path;
mod pipes;
mod planted;
mod policies;
mod profiles;
mod proof;
mod readme;
mod real;
mod refusals;
mod reloading;
mod serving;
mod shaping;
mod stopping;
mod supervision;
mod upstream;
mod watching;
mod withdrawn;
