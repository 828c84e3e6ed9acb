//! A visitor from an IP address of its own: all of 127.0.0.0/8 is this machine.

use crate::PATIENCE;
use crate::http::{Answer, parse};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// One connection over HTTP that is kept for many requests.
#[derive(Debug)]
pub struct Visitor {
    stream: TcpStream,
}

impl Visitor {
    /// Connects from 127.0.0.1.
    pub async fn connect(server: SocketAddr) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, server).await
    }

    /// Connects from an address, which is one of 127.0.0.0/8.
    pub async fn connect_from(address: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let stream = timeout(PATIENCE, socket.connect(server)).await.expect("a connection in time").unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Asks, and reads the whole answer, which must say how long it is.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = format!("POST {path} HTTP/1.1\r\nhost: parlor\r\ncontent-length: {}\r\n\r\n", body.len());
        self.stream.write_all((head + &body).as_bytes()).await.unwrap();
        timeout(PATIENCE, self.answer()).await.expect("an answer in time")
    }

    async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        loop {
            let read = self.stream.read_buf(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "the answer ended early: {}", String::from_utf8_lossy(&bytes));
            let Some(answer) = parse(&bytes) else { continue };
            let length: usize = answer.header("content-length").expect("a length").parse().unwrap();
            if answer.body.len() >= length {
                return answer;
            }
        }
    }
}
