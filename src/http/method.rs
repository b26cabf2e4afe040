//! Request methods. Names are case-sensitive (RFC 9110 9.1); what is not known here is passed on unchanged.

/// The method of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Mkcol,
    Copy,
    Move,
    Propfind,
    Proppatch,
    Lock,
    Unlock,
    Other(Box<[u8]>),
}

impl Method {
    /// The method of that name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            b"MKCOL" => Self::Mkcol,
            b"COPY" => Self::Copy,
            b"MOVE" => Self::Move,
            b"PROPFIND" => Self::Propfind,
            b"PROPPATCH" => Self::Proppatch,
            b"LOCK" => Self::Lock,
            b"UNLOCK" => Self::Unlock,
            other => Self::Other(other.into()),
        }
    }

    /// The name as it stands in a request line.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Post => b"POST",
            Self::Put => b"PUT",
            Self::Delete => b"DELETE",
            Self::Connect => b"CONNECT",
            Self::Options => b"OPTIONS",
            Self::Trace => b"TRACE",
            Self::Patch => b"PATCH",
            Self::Mkcol => b"MKCOL",
            Self::Copy => b"COPY",
            Self::Move => b"MOVE",
            Self::Propfind => b"PROPFIND",
            Self::Proppatch => b"PROPPATCH",
            Self::Lock => b"LOCK",
            Self::Unlock => b"UNLOCK",
            Self::Other(name) => name,
        }
    }

    /// Whether a request may be sent again after it may have had an effect (RFC 9110 9.2.2). Unknown methods may not.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace => true,
            Self::Mkcol | Self::Copy | Self::Move | Self::Propfind | Self::Proppatch | Self::Unlock => true,
            Self::Post | Self::Patch | Self::Lock | Self::Connect | Self::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_was() {
        let names: [&[u8]; 18] = [
            b"GET",
            b"HEAD",
            b"POST",
            b"PUT",
            b"DELETE",
            b"CONNECT",
            b"OPTIONS",
            b"TRACE",
            b"PATCH",
            b"MKCOL",
            b"COPY",
            b"MOVE",
            b"PROPFIND",
            b"PROPPATCH",
            b"LOCK",
            b"UNLOCK",
            b"M-SEARCH",
            b"get",
        ];
        for name in names {
            assert_eq!(Method::of(name).as_bytes(), name);
        }
        assert_eq!(Method::of(b"get"), Method::Other(b"get".as_slice().into()));
    }
}
