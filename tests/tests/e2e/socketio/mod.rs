//! The namespace `/ai` of Socket.IO: its own clients, and what it does when things go wrong.

mod clients;
mod failing;
mod talking;
