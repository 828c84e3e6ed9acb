//! Several backends as one: the first that serves the model, and the next where that does not begin.

use async_trait::async_trait;
use parlor_domain::ports::{Backend, BackendError, TurnRequest, TurnStream};
use std::sync::Arc;

/// Backends in the order in which they are asked.
pub(super) struct Chain(pub(super) Vec<Arc<dyn Backend>>);

#[async_trait]
impl Backend for Chain {
    fn name(&self) -> &'static str {
        "providers"
    }

    fn serves(&self, model: Option<&str>) -> bool {
        self.0.iter().any(|backend| backend.serves(model))
    }

    fn models(&self) -> Vec<String> {
        self.0.iter().flat_map(|backend| backend.models()).collect()
    }

    /// Error: the last one's, or 404 where none serves the model.
    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let message = "no provider of this worker serves the model".to_owned();
        let mut error = BackendError::Status { status: 404, message, retry_after: None };
        for backend in self.0.iter().filter(|backend| backend.serves(request.model.as_deref())) {
            match backend.open(request.clone()).await {
                Ok(stream) => return Ok(stream),
                Err(failed) => {
                    tracing::warn!(backend = backend.name(), turn = %request.turn, error = %failed, "not begun");
                    error = failed;
                }
            }
        }
        Err(error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_ai::Demo;
    use parlor_domain::UserId;

    /// Serves one model, and is out of order.
    struct Broken(&'static str);

    #[async_trait]
    impl Backend for Broken {
        fn name(&self) -> &str {
            self.0
        }

        fn serves(&self, model: Option<&str>) -> bool {
            model.is_none_or(|model| model == self.0)
        }

        async fn open(&self, _request: TurnRequest) -> Result<TurnStream, BackendError> {
            Err(BackendError::Unreachable(self.0.to_owned()))
        }
    }

    async fn opened(chain: &Chain, model: &str) -> Option<BackendError> {
        let request =
            TurnRequest { model: Some(model.to_owned()), ..TurnRequest::new(UserId::new(), Vec::new()) };
        chain.open(request).await.err()
    }

    /// Protects a worker's replies: one provider that is down leaves them to the next, and only the last one's error
    /// counts.
    #[tokio::test]
    async fn the_next_is_asked_where_one_does_not_begin() {
        let mut chain = Chain(vec![Arc::new(Broken("a")), Arc::new(Broken("b"))]);
        assert_eq!(opened(&chain, "b").await, Some(BackendError::Unreachable("b".to_owned())));
        assert!(matches!(opened(&chain, "c").await, Some(BackendError::Status { status: 404, .. })));
        assert!(chain.serves(Some("a")) && !chain.serves(Some("c")));
        chain.0.push(Arc::new(Demo::default()));
        assert_eq!(opened(&chain, "a").await, None);
    }
}
