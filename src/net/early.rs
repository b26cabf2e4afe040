//! Bytes that are read of two connections before they are joined.

/// What was read behind the heads. Most connections have none of it.
#[derive(Debug, Default)]
pub struct Early {
    /// The client's: they reach the upstream before anything else.
    pub to_upstream: Vec<u8>,
    /// The upstream's: they reach the client before anything else.
    pub to_client: Vec<u8>,
}

impl Early {
    /// `None` if there is nothing.
    #[must_use]
    pub fn of(to_upstream: Vec<u8>, to_client: Vec<u8>) -> Option<Box<Self>> {
        let is_empty = to_upstream.is_empty() && to_client.is_empty();
        (!is_empty).then(|| Box::new(Self { to_upstream, to_client }))
    }
}
