//! Files as a stranger's client sends and reads them: requests with any headers and any bytes.

use crate::http::Download;
use crate::{PATIENCE, Rooms, TestApp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// A small PNG: one red pixel.
pub const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, b'I', b'D', b'A', b'T', 0x08, 0xd7, 0x63,
    0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae,
    0x42, 0x60, 0x82,
];

/// The file that every scanner takes for a virus, in pieces so that none takes this for it.
pub fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE", "!$H+H*"].concat().into_bytes()
}

/// SHA-256 in hexadecimal digits.
pub fn checksum(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `length` bytes of text that is nowhere the same.
pub fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| b"0123456789abcdef"[(at.wrapping_mul(2_654_435_761) >> 13) & 15]).collect()
}

/// A zip archive of one file that unpacks to so many mebibytes of zeros: a thousandth of that in size.
pub fn zip_bomb(mebibytes: u32) -> Vec<u8> {
    let unpacked = mebibytes * 1024 * 1024;
    let packed = zeros(unpacked);
    let length = u32::try_from(packed.len()).unwrap();
    // A local header, the data, a directory of one entry and its end (APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16).
    let common =
        [&[20, 0, 0, 0, 8, 0][..], &[0; 8], &length.to_le_bytes(), &unpacked.to_le_bytes(), &[1, 0, 0, 0]];
    let common = common.concat();
    let local = [&b"PK\x03\x04"[..], &common, b"a", &packed].concat();
    let entry = [&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], b"a"].concat();
    let (at, size) = (u32::try_from(local.len()).unwrap(), u32::try_from(entry.len()).unwrap());
    let end =
        [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat();
    [local, entry, end].concat()
}

/// So many zeros, or up to 257 more, as one block of DEFLATE (RFC 1951 §3.2.6): a zero, then copies of it.
fn zeros(count: u32) -> Vec<u8> {
    let mut bits: Vec<u8> = vec![1, 1, 0];
    let mut code =
        |code: u32, length: u32| bits.extend((0..length).rev().map(|at| u8::from(code >> at & 1 == 1)));
    code(0b0011_0000, 8);
    for _ in 0..count.div_ceil(258) {
        code(0b1100_0101, 8);
        code(0, 5);
    }
    code(0, 7);
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit)).collect()
}

/// One request with these headers and this body.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Download {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        // A server that refuses early may not read to the end.
        let _ = stream.write_all(body).await;
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes).await;
        if bytes.is_empty() { read.map(|_| bytes) } else { Ok(bytes) }
    };
    let bytes = timeout(PATIENCE, exchange).await.expect("an answer in time").unwrap();
    Download::parse(&bytes)
}

/// A form with fields and a file.
pub fn form(fields: &[(&str, &str)], name: &str, media_type: &str, content: &[u8]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, value) in fields {
        let part = format!("--edge\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        body.extend(part.into_bytes());
    }
    let part = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: {media_type}\r\n\r\n"
    );
    body.extend(part.into_bytes());
    body.extend(content);
    body.extend(b"\r\n--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

/// A user of files over HTTP.
#[derive(Debug)]
pub struct Files<'a> {
    app: &'a TestApp,
    bearer: String,
}

impl<'a> Files<'a> {
    /// With this token.
    pub fn new(app: &'a TestApp, token: &str) -> Self {
        Self { app, bearer: format!("Bearer {token}") }
    }

    /// Uploads a file.
    pub async fn upload(&self, fields: &[(&str, &str)], name: &str, kind: &str, content: &[u8]) -> Download {
        let (form_type, body) = form(fields, name, kind, content);
        let headers = [("authorization", self.bearer.as_str()), ("content-type", &form_type)];
        request(self.app.address(), "POST", "/api/v1/files", &headers, &body).await
    }

    /// Uploads a file that must be taken; gives its id.
    pub async fn add(&self, fields: &[(&str, &str)], name: &str, content: &[u8]) -> String {
        let answer = self.upload(fields, name, "application/octet-stream", content).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        crate::client::id(&answer.json()["file_id"])
    }

    /// Any other request about files.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Download {
        let mut all = vec![("authorization", self.bearer.as_str())];
        all.extend(headers);
        request(self.app.address(), method, &format!("/api/v1/files{path}"), &all, b"").await
    }

    /// A whole file that must be there.
    pub async fn read(&self, file: &str) -> Vec<u8> {
        let answer = self.ask("GET", &format!("/{file}"), &[]).await;
        assert!(answer.status == 200 && answer.whole, "{}", answer.head);
        answer.body
    }
}

/// An upload over the socket of the rooms dialect.
#[derive(Debug)]
pub struct Upload {
    /// The file.
    pub file: String,
    /// The largest chunk.
    pub chunk_size: usize,
    /// How many there are of that size.
    pub total: usize,
}

impl Upload {
    /// Begins one.
    pub async fn begin(client: &mut Rooms, room: Option<&str>, name: &str, size: usize) -> Self {
        let data = json!({"upload_type": "init", "file_name": name, "file_size": size, "room_id": room});
        let ready = client.does("file_upload", data, "file_upload").await;
        assert_eq!((&ready["upload_type"], &ready["status"]), (&json!("init"), &json!("ready")), "{ready}");
        let number = |name: &str| usize::try_from(ready[name].as_u64().unwrap()).unwrap();
        let file = crate::client::id(&ready["file_id"]);
        Self { file, chunk_size: number("chunk_size"), total: number("total_chunks") }
    }

    /// Which bytes a chunk has.
    pub fn chunk<'a>(&self, content: &'a [u8], index: usize) -> &'a [u8] {
        &content[index * self.chunk_size..content.len().min((index + 1) * self.chunk_size)]
    }

    /// A chunk as the protocol's document has it.
    pub fn text(&self, index: usize, total: usize, chunk: &[u8]) -> Value {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(chunk);
        json!({"upload_type": "chunk", "file_id": self.file, "chunk_index": index, "total_chunks": total,
               "chunk_data": data})
    }

    /// A chunk as a binary frame.
    pub fn binary(&self, index: usize, chunk: &[u8]) -> Message {
        let id: Vec<u8> = (0..32)
            .step_by(2)
            .map(|at| u8::from_str_radix(&self.file.replace('-', "")[at..at + 2], 16).unwrap())
            .collect();
        let index = u32::try_from(index).unwrap().to_be_bytes();
        Message::Binary([&id[..], &index, chunk].concat().into())
    }

    /// Sends a chunk as a binary frame and waits until it is there.
    pub async fn send(&self, client: &mut Rooms, content: &[u8], index: usize) -> Value {
        client.send_message(self.binary(index, self.chunk(content, index))).await.unwrap();
        client.until("file_upload").await["data"].take()
    }

    /// What is missing.
    pub async fn missing(&self, client: &mut Rooms) -> Vec<usize> {
        let data = json!({"upload_type": "status", "file_id": self.file});
        let status = client.does("file_upload", data, "file_upload").await;
        let missing = status["missing"].as_array().unwrap().iter();
        missing.map(|it| usize::try_from(it.as_u64().unwrap()).unwrap()).collect()
    }

    /// The wish that it be finished.
    pub fn end(&self, checksum: &str) -> Value {
        json!({"upload_type": "finalize", "file_id": self.file, "checksum": checksum})
    }

    /// Finishes it; it must be taken.
    pub async fn finish(&self, client: &mut Rooms, content: &[u8]) -> Value {
        let end = client.does("file_upload", self.end(&checksum(content)), "file_upload").await;
        assert_eq!((&end["upload_type"], &end["status"]), (&json!("finalize"), &json!("available")), "{end}");
        assert_eq!(end["checksum"], checksum(content));
        end
    }

    /// All of it, from its beginning to its end.
    pub async fn whole(client: &mut Rooms, room: Option<&str>, name: &str, content: &[u8]) -> String {
        let upload = Self::begin(client, room, name, content.len()).await;
        for index in 0..upload.total {
            upload.send(client, content, index).await;
        }
        upload.finish(client, content).await;
        upload.file
    }
}
