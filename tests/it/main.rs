//! Helan from outside: real sockets, real processes.
