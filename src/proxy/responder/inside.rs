//! Answers of requests that are made inside: their bodies become a part of another answer, or are kept for it.

use std::io;
use std::mem;

use super::{Framing, Inside, Responder};
use crate::http::{Version, chunked};
use crate::limits::BODY_BUFFER_BYTES;
use crate::transport::Transport;

impl<'c> Responder<'c> {
    /// One whose body becomes the next part of that answer.
    #[must_use]
    pub fn within(outer: Self, version: Version) -> Self {
        Self { inside: Some(Box::new(Inside::Within(Box::new(outer)))), ..Self::for_nobody(version, false) }
    }

    /// One whose body is kept.
    #[must_use]
    pub fn kept(version: Version) -> Self {
        let kept = Inside::Kept { bytes: Vec::new(), bytes_max: 0 };
        Self { inside: Some(Box::new(kept)), ..Self::for_nobody(version, false) }
    }

    /// Whether the body goes to no client directly.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.inside.is_some()
    }

    /// How many bytes of the body may be kept. Before anything is written.
    pub fn keep_at_most(&mut self, bytes: usize) {
        if let Some(Inside::Kept { bytes_max, .. }) = self.inside.as_deref_mut() {
            *bytes_max = bytes;
        }
    }

    /// What was kept.
    #[must_use]
    pub fn take_kept(&mut self) -> Vec<u8> {
        match self.inside.as_deref_mut() {
            Some(Inside::Kept { bytes, .. }) => mem::take(bytes),
            Some(Inside::Within(_)) | None => Vec::new(),
        }
    }

    /// Takes the answer of the client out of whichever holds it, and leaves one for nobody in its place.
    #[must_use]
    pub fn take_outer(&mut self) -> Self {
        let blank = Self::for_nobody(self.version, self.is_head);
        match self.inside.as_deref_mut() {
            Some(Inside::Within(outer)) => mem::replace(&mut **outer, blank),
            Some(Inside::Kept { .. }) | None => mem::replace(self, blank),
        }
    }

    /// Puts back what [`Responder::take_outer`] took, from where it was known for a shorter time.
    pub fn put_outer(&mut self, outer: Responder<'_>, stream: Option<&'c Transport>) {
        let outer = outer.on(stream);
        match self.inside.as_deref_mut() {
            Some(Inside::Within(place)) => **place = outer,
            Some(Inside::Kept { .. }) | None => *self = outer,
        }
    }

    /// The stream of the client's answer.
    #[must_use]
    pub fn outer_stream(&self) -> Option<&'c Transport> {
        match self.inside.as_deref() {
            Some(Inside::Within(outer)) => outer.stream,
            Some(Inside::Kept { .. }) | None => self.stream,
        }
    }

    /// The same answer on a stream that is known for longer.
    fn on<'l>(self, stream: Option<&'l Transport>) -> Responder<'l> {
        let Self {
            stream: _,
            inside: _,
            version,
            is_head,
            pending,
            framing,
            timeout,
            keep_alive,
            keep_alive_header,
            shown_status,
            takes_chunks,
            expects_trailers,
            trailers,
            pace,
            compressor,
            backlog,
            sent,
        } = self;
        Responder {
            stream,
            inside: None,
            version,
            is_head,
            pending,
            framing,
            timeout,
            keep_alive,
            keep_alive_header,
            shown_status,
            takes_chunks,
            expects_trailers,
            trailers,
            pace,
            compressor,
            backlog,
            sent,
        }
    }

    /// Takes a piece of the body that need not leave before the next.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn gather(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.compressor.is_some() || self.pending.len() + piece.len() > BODY_BUFFER_BYTES {
            return self.data(piece).await;
        }
        if let Some(Inside::Within(outer)) = self.inside.as_deref_mut() {
            self.sent.bytes += piece.len() as u64;
            return Box::pin(outer.gather(piece)).await;
        }
        if self.is_inside() {
            return self.data(piece).await;
        }
        match self.framing {
            Framing::None => {}
            Framing::Plain => self.pending.extend_from_slice(piece),
            Framing::Chunked if piece.is_empty() => {}
            Framing::Chunked => {
                chunked::chunk_head(piece.len(), &mut self.pending);
                self.pending.extend_from_slice(piece);
                self.pending.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    pub(super) async fn write_inside(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            match self.inside.as_deref_mut() {
                Some(Inside::Within(outer)) => outer.gather(part).await?,
                Some(Inside::Kept { bytes, bytes_max }) if bytes.len() + part.len() > *bytes_max => {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Some(Inside::Kept { bytes, .. }) => bytes.extend_from_slice(part),
                None => {}
            }
            self.sent.bytes += part.len() as u64;
        }
        Ok(())
    }

    pub(super) async fn flush_inside(&mut self) -> io::Result<()> {
        match self.inside.as_deref_mut() {
            Some(Inside::Within(outer)) => outer.flush().await,
            Some(Inside::Kept { .. }) | None => Ok(()),
        }
    }

    /// Whether a compressor keeps bytes of the client's answer until there is more.
    #[must_use]
    pub fn outer_holds_bytes(&self) -> bool {
        match self.inside.as_deref() {
            Some(Inside::Within(outer)) => outer.holds_bytes(),
            Some(Inside::Kept { .. }) | None => self.holds_bytes(),
        }
    }

    /// Lets such bytes leave, since nothing follows for now.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn give_held(&mut self) -> io::Result<()> {
        match self.inside.as_deref_mut() {
            Some(Inside::Within(outer)) => outer.write_held().await,
            Some(Inside::Kept { .. }) | None => self.write_held().await,
        }
    }
}
