//! Files: uploaded over sockets and HTTP, whatever interrupts them; read by those who may; harmless to whoever reads them.

mod attachments;
mod http;
mod s3;
mod safety;
mod scanner;
mod sockets;
