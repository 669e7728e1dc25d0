//! How everything is asked to end.

use tokio_util::sync::CancellationToken;

/// A request to end that is made once, is never taken back and that any number of tasks wait for.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A request not yet made.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that follows this one, and that can also be made alone.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Makes the request. Asking twice is asking once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether it was made.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves when it is made; at once when it was. Cancel-safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// The same as a future that owns its handle.
    pub fn requested_owned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.clone().cancelled_owned()
    }
}
