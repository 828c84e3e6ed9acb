//! From an address to a WebSocket (RFC 6455 §4.1), with TLS where the URL wants it.

use crate::config::{InvalidConfig, Target};
use crate::socket::Socket;
use bytes::Bytes;
use fastwebsockets::handshake::generate_key;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no connection: for the log.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Makes connections to one server.
pub(crate) struct Connector {
    target: Target,
    /// Only where the URL wants it.
    tls: Option<TlsConnector>,
}

impl Connector {
    pub(crate) fn new(target: Target) -> Result<Self, InvalidConfig> {
        let tls = if target.tls { Some(tls().map_err(InvalidConfig::Tls)?) } else { None };
        Ok(Self { target, tls })
    }

    /// One connection. The caller limits its time.
    pub(crate) async fn connect(&self) -> Result<Socket, Cause> {
        let stream = TcpStream::connect((self.target.host.as_str(), self.target.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.upgrade(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(self.target.host.clone())?;
                self.upgrade(tls.connect(name, stream).await?).await
            }
        }
    }

    async fn upgrade(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Socket, Cause> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let ask = async {
            let request = self.request()?;
            let accept = accept_of(&request)?;
            let mut response = sender.send_request(request).await?;
            check(&response, &accept)?;
            Ok::<_, Cause>(hyper::upgrade::on(&mut response).await?)
        };
        // The connection does the work of the request; it ends when it is upgraded.
        let connection = async { connection.with_upgrades().await.map_err(Cause::from) };
        let (upgraded, ()) = tokio::try_join!(ask, connection)?;
        Ok(Socket::new(TokioIo::new(upgraded)))
    }

    fn request(&self) -> http::Result<Request<Empty<Bytes>>> {
        Request::get(self.target.path.as_str())
            .header(HOST, self.target.authority.as_str())
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header(SEC_WEBSOCKET_KEY, generate_key())
            .header(SEC_WEBSOCKET_VERSION, "13")
            .body(Empty::new())
    }
}

/// What proves that the server has read the request (RFC 6455 §4.2.2): what our own would answer.
fn accept_of(request: &Request<Empty<Bytes>>) -> Result<HeaderValue, Cause> {
    let mut copy = Request::new(());
    *copy.headers_mut() = request.headers().clone();
    let (answer, _) = fastwebsockets::upgrade::upgrade(&mut copy)?;
    answer.headers().get(SEC_WEBSOCKET_ACCEPT).cloned().ok_or_else(|| "no proof for the key".into())
}

fn check(response: &Response<Incoming>, accept: &HeaderValue) -> Result<(), Cause> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(
            format!("the server answered {} where it should open a WebSocket", response.status()).into()
        );
    }
    if response.headers().get(SEC_WEBSOCKET_ACCEPT) != Some(accept) {
        return Err("the server's answer is to another request".into());
    }
    Ok(())
}

/// TLS that trusts whom the system trusts.
fn tls() -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
