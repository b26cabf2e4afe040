//! Every variable that a configuration may use.

/// Index into [`super::Serving::maps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapId(pub u16);

/// Index into [`super::Serving::geos`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GeoId(pub u16);

/// Index into [`super::Serving::splits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SplitId(pub u16);

/// A variable that the request itself gives a value (a named capture, or one that `set` names), by its place in the request's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId(pub u16);

/// What the kernel knows of a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpFigure {
    /// In microseconds, as its variance.
    RoundTripTime,
    RoundTripVariance,
    /// In packets.
    CongestionWindow,
    /// In bytes.
    ReceiveSpace,
}

/// What is known of the encryption of a client's connection: `$ssl_` and the name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFact {
    AlpnProtocol,
    Cipher,
    Ciphers,
    ClientCert,
    ClientEscapedCert,
    ClientFingerprint,
    ClientIDn,
    ClientIDnLegacy,
    ClientRawCert,
    ClientSDn,
    ClientSDnLegacy,
    ClientSerial,
    ClientVEnd,
    ClientVRemain,
    ClientVStart,
    ClientVerify,
    Curve,
    Curves,
    EarlyData,
    Protocol,
    ServerName,
    /// `$ssl_session_id`.
    ResumptionId,
    /// `$ssl_session_reused`.
    Resumed,
}

/// A variable. Names are nginx's without `$`, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Variable {
    /// `$arg_NAME`, compared without case.
    Arg(Box<[u8]>),
    /// `$args`, `$query_string`.
    Args,
    BinaryRemoteAddr,
    BodyBytesSent,
    /// From the client, in `stream`.
    BytesReceived,
    BytesSent,
    /// `$1` to `$9` of the last expression that matched.
    Capture(u8),
    Connection,
    ConnectionRequests,
    /// `$connection_time`, and in `stream` `$session_time`.
    ConnectionTime,
    /// `$connections_active` and kin, of all shards.
    ConnectionsActive,
    /// Longhaul's own: of those that wait, the ones that are parked.
    ConnectionsParked,
    ConnectionsReading,
    ConnectionsWaiting,
    ConnectionsWriting,
    ContentLength,
    ContentType,
    /// In the form that `timefmt` of a server side include gives.
    DateGmt,
    DateLocal,
    /// `$cookie_NAME`.
    Cookie(Box<[u8]>),
    DocumentRoot,
    /// Of a `geo` block.
    Geo(GeoId),
    /// What compressing made of a body, plain bytes for each compressed one.
    GzipRatio,
    Host,
    Hostname,
    /// `$http_NAME`: field of the request, lower case, `_` for `-`.
    Http(Box<[u8]>),
    Https,
    IsArgs,
    /// `:` where there is a `$request_port`.
    IsRequestPort,
    LimitConnStatus,
    /// What limits this answer; 0 before it is known and without a limit.
    LimitRate,
    LimitReqStatus,
    Map(MapId),
    Msec,
    NginxVersion,
    Pid,
    Pipe,
    ProxyAddXForwardedFor,
    ProxyHost,
    ProxyPort,
    ProxyProtocolAddr,
    ProxyProtocolPort,
    ProxyProtocolServerAddr,
    ProxyProtocolServerPort,
    /// `$protocol`: `TCP`.
    Protocol,
    /// `$proxy_protocol_tlv_NAME`, lower case.
    ProxyProtocolTlv(Box<[u8]>),
    RealipRemoteAddr,
    RealipRemotePort,
    RealpathRoot,
    RemoteAddr,
    RemotePort,
    RemoteUser,
    Request,
    /// There when memory holds the body.
    RequestBody,
    /// There when a file holds it.
    RequestBodyFile,
    RequestCompletion,
    RequestFilename,
    RequestId,
    RequestLength,
    RequestMethod,
    /// The port that `Host` or the target names.
    RequestPort,
    RequestTime,
    RequestUri,
    Scheme,
    /// `$sent_http_NAME`.
    SentHttp(Box<[u8]>),
    /// `$sent_trailer_NAME`.
    SentTrailer(Box<[u8]>),
    ServerAddr,
    ServerName,
    ServerPort,
    ServerProtocol,
    /// A named capture, or what `set` gave.
    Slot(SlotId),
    /// Of a `split_clients` block.
    Split(SplitId),
    /// `$ssl_…`.
    Ssl(TlsFact),
    Status,
    /// `$tcpinfo_…`.
    TcpInfo(TcpFigure),
    TimeIso8601,
    TimeLocal,
    /// `$tunnel_…`, longhaul's own: there in the log line of a tunnel, which is written at its end.
    TunnelBytesToClient,
    TunnelBytesToUpstream,
    TunnelCloseBy,
    TunnelCloseCode,
    TunnelEnd,
    TunnelMessagesToClient,
    TunnelMessagesToUpstream,
    TunnelTime,
    /// `$tunnels_…`, longhaul's own, of all shards and now.
    TunnelsActive,
    TunnelsPendingBytes,
    TunnelsPendingRefused,
    TunnelsPipesRefused,
    TunnelsRingOverflows,
    UpstreamAddr,
    UpstreamBytesReceived,
    UpstreamBytesSent,
    /// `$upstream_cache_status`: of no request, since nothing is cached.
    UpstreamCacheStatus,
    UpstreamConnectTime,
    /// `$upstream_cookie_NAME`.
    UpstreamCookie(Box<[u8]>),
    UpstreamHeaderTime,
    UpstreamFirstByteTime,
    /// `$upstream_http_NAME`.
    UpstreamHttp(Box<[u8]>),
    UpstreamResponseLength,
    /// And in `stream` `$upstream_session_time`.
    UpstreamResponseTime,
    UpstreamStatus,
    /// `$upstream_trailer_NAME`: a field behind the body of the last answer.
    UpstreamTrailer(Box<[u8]>),
    /// `$uri`, `$document_uri`: normalized path.
    Uri,
    /// longhaul's own: number of the shard that serves the request, from 0.
    Shard,
}
