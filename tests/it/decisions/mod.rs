//! What the rules say: the whole table of decisions, rows written by hand from the articles, and the
//! invariants of the trade.

mod articles;
mod city;
mod invariants;
mod properties;
mod refused;
mod table;
