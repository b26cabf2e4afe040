//! Every bound of the process as a named constant with its reason.
//!
//! Bounds that a directive sets have their default in `config`; here is what no directive can raise, and what is
//! allocated before any directive is known.

use std::time::Duration;

/// Errors of one configuration reported before the rest is left unsaid: more than a screen helps nobody.
pub const CONFIG_ERRORS_MAX: usize = 20;

/// Warnings of one configuration that are told: the log of a start must stay readable.
pub const CONFIG_WARNINGS_MAX: usize = 200;

/// Depth of `include` in `include`: a file that includes itself ends here and not in the stack.
pub const CONFIG_INCLUDE_DEPTH_MAX: usize = 16;

/// Inclusions in all: files that each include the next one twice would double at each step.
pub const CONFIG_INCLUDE_COUNT_MAX: usize = 10_000;

/// Depth of blocks in blocks: the parser recurses over them.
pub const CONFIG_BLOCK_DEPTH_MAX: usize = 32;

/// One configuration file: far above any real one, and below what would stall a reload.
pub const CONFIG_FILE_BYTES_MAX: u64 = 64 << 20;

/// One regular expression, as in PCRE: what is compiled grows faster than the text.
pub const CONFIG_EXPRESSION_BYTES_MAX: usize = 64 << 10;

/// Fields of one head. httparse wants the table before it parses, and no real client sends more.
pub const HEAD_FIELD_COUNT_MAX: usize = 256;

/// Room for the fields of most answers: growing to it step by step costs more than the fields do.
pub const HEAD_BYTES_USUAL: usize = 512;

/// Extensions and leading zeros of a chunked body may outrun its data by this much: room for long ones on a few
/// chunks, none for a stream of them.
pub const CHUNK_OVERHEAD_BYTES_MAX: usize = 16 << 10;

/// The trailer section of a chunked body: a checksum and a few times, never another head.
pub const TRAILER_BYTES_MAX: usize = 8 << 10;

/// Bytes of freed blocks that a shard keeps of each size to use again, and blocks: as many as exchanges are under way at
/// once on a busy core, whose memory is then still in its cache.
pub const HEAP_KEPT_BYTES_MAX: usize = 256 << 10;
pub const HEAP_KEPT_COUNT_MAX: u32 = 256;

/// A body moves through buffers of this size: below it more calls, above it no fewer wake-ups.
pub const BODY_BUFFER_BYTES: usize = 32 << 10;

/// Buffers of that size a shard keeps when nobody uses them.
pub const BODY_BUFFERS_KEPT: usize = 64;
/// Bytes of a body that are moved before others of the shard have their turn: a tenth of a millisecond.
pub const BODY_TURN_BYTES: u64 = 256 << 10;

/// Edges that a shard takes from the kernel in one call: more come with the next, after those who were woken.
pub const READY_BATCH_COUNT: usize = 512;

/// How often in a row a socket that has never been found drained or full is said to be ready before it takes its turn with
/// the others: each time means a buffer or less.
pub const READY_ANSWERS_MAX: u8 = 8;

/// How long such a turn is waited for at most: a socket without room is waited for elsewhere.
pub const TURN_WAIT: Duration = Duration::from_millis(1);

/// Plain bytes that one answer compresses before others of the shard have their turn: an eighth of a millisecond at the
/// lowest level, two thirds of one at the highest.
pub const GZIP_TURN_BYTES: usize = 32 << 10;

/// Memory of one answer that is being compressed, from the first byte of its body to the last: 380,032 bytes of the coder
/// (its window twice, hash chains, what is not coded yet), and a buffer for each side. Events that stand still were
/// measured with 348,842 bytes each, of which some the coder has not written yet. A test holds it to that.
pub const GZIP_ANSWER_BYTES: usize = 448 << 10;

/// Memory of all answers of a shard that are being compressed. Clients that read slowly, or events that never end, would
/// take it without bound: answers beyond it leave as they are, which every client can read.
pub const GZIP_BYTES_MAX: usize = 448 << 20;
pub const GZIP_ANSWERS_MAX: usize = GZIP_BYTES_MAX / GZIP_ANSWER_BYTES;

/// Encoders a shard keeps when nobody uses them, until it is at rest: a new one takes longer than a short body does.
pub const GZIP_ENCODERS_KEPT: usize = 2;

/// How long a compressor keeps bytes while its peer sends nothing: long enough not to cut a body that comes in pieces
/// into as many blocks, short enough for whoever reads it as it comes.
pub const GZIP_HOLD_TIME: Duration = Duration::from_millis(50);

/// Least room for compressed bytes, whatever `gzip_buffers` says: what marks a pause takes some.
pub const GZIP_PIECE_BYTES_MIN: usize = 512;

/// Names of server side includes and of their parameters, and how many parameters one has, as in nginx.
pub const SSI_COMMAND_BYTES_MAX: usize = 32;
pub const SSI_PARAMETER_BYTES_MAX: usize = 32;
pub const SSI_PARAMETERS_MAX: usize = 16;

/// Includes in includes, as in nginx: a document that includes itself ends here.
pub const SSI_DEPTH_MAX: usize = 51;

/// Stack of a shard: each of those includes runs on it, with 64 KiB a page in a build that is not optimized. What was never
/// used of it takes no memory.
pub const SHARD_STACK_BYTES: usize = 16 << 20;

/// Includes of one request, as many as nginx can count: documents that each include the next one twice end here.
pub const SSI_INCLUDES_MAX: usize = 64_535;

/// A date in the form of `timefmt`, as in nginx.
pub const SSI_DATE_BYTES_MAX: usize = 2048;

/// Variables and blocks of one request. nginx has no bound, and `set` can double a value with each line.
pub const SSI_MEMORY_BYTES_MAX: usize = 1 << 20;

/// Bytes that commands have made before they leave: as much as leaves at once of everything else.
pub const SSI_MADE_BYTES_MAX: usize = BODY_BUFFER_BYTES;

/// Pieces of a message that are together no longer than this are copied into one, which leaves by a plain call: the call
/// that takes several costs more than such a copy.
pub const JOINED_BYTES_MAX: usize = 4 << 10;

/// Bytes that one call moves before the time that a task goes by is read anew: fewer take less than a millisecond.
pub const MOMENT_BYTES_MAX: usize = 16 << 10;

/// Looks at deadlines that a shard arranges before it searches them for those that are in vain: 16 KiB.
pub const TIMER_LOOKS_MIN: usize = 1024;

/// Connections taken from one listening socket before other work of the shard has its turn.
pub const ACCEPT_BATCH_COUNT: usize = 64;

/// Pause of a listener after accept4 found no descriptor: long enough not to spin, short enough to go unnoticed.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Submission entries of a shard's tunnel ring: more are pushed in several rounds.
pub const TUNNEL_RING_SUBMISSIONS: u32 = 1024;

/// Completions the tunnel ring holds before the kernel puts them aside: a storm of readiness of all tunnels at once.
pub const TUNNEL_RING_COMPLETIONS: u32 = 16_384;

/// How long a start waits for an address that is in use (nginx: five attempts, half a second apart). The kernel takes up
/// to 53 ms to close the listeners of a process that has ended.
pub const LISTEN_PATIENCE: Duration = Duration::from_millis(2500);
pub const LISTEN_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// What a shard copies of a tunnel at once where bytes are many and no pipe is to be had.
pub const TUNNEL_BUFFER_BYTES: usize = 64 << 10;

/// Below it copying is as good as splicing; a source that has this much at once is spliced from then on.
pub const TUNNEL_COPY_BYTES: usize = 16 << 10;

/// Tunnels that are served by calls into the ring together. One alone is served by calls of its own: on a shard that sleeps
/// between messages a round trip takes 8 % less CPU so.
pub const TUNNEL_ROUND_MIN: usize = 2;

/// Receives and sends of one batch in the ring: what the kernel does for all of them in a row it finds in the cache. Beyond
/// four times as many little is gained, and one batch would move more than a turn may.
pub const TUNNEL_BATCH_COUNT: u16 = 256;
const _: () = assert!(TUNNEL_BATCH_COUNT as usize * TUNNEL_COPY_BYTES <= TUNNEL_TURN_BYTES);

/// Sockets without a connection that a shard keeps for new ones to the same peers. As many as end before the next ones begin;
/// each takes some 3 KB of the kernel's memory and a descriptor, for two seconds without use at most.
pub const SPARE_SOCKETS_MAX: usize = 64;

/// A tunnel that has carried more one way may have grown the buffers of its socket, which then does not serve again. They
/// begin with 128 KB.
pub const SPARE_SOCKET_BYTES_MAX: u64 = 128 << 10;

/// Of the buffers for batches, those whose pages a shard keeps once it needs no more of them.
pub const TUNNEL_BUFFERS_KEPT: u16 = 64;

/// One pipe: the most that is spliced at once, and so the most that waits in the kernel for a slow reader.
pub const TUNNEL_PIPE_BYTES: usize = 256 << 10;

/// Pipes of a shard that hold bytes at the same time. Each takes two descriptors; all of a user's pipes share 64 MiB
/// (`pipe-user-pages-soft`) before the kernel makes them small.
pub const TUNNEL_PIPES_MAX: usize = 64;

/// Empty pipes a shard keeps: as many as directions are busy whose targets now and then leave something in theirs.
pub const TUNNEL_PIPES_KEPT: usize = 16;

/// Bytes of all tunnels of a shard that wait in memory for a side to take them. Four thousand readers that stop reach it;
/// from then on nothing is read that its target is not sure to take.
pub const TUNNEL_PENDING_BYTES_MAX: usize = 64 << 20;

/// What a socket that reports room is sure to take: the smallest send buffer reports it with more than this free.
pub const TUNNEL_SURE_BYTES: usize = 1 << 10;

/// How long a pipe may wait for a reader that has stopped while half of all pipes are lent.
pub const TUNNEL_PIPE_PATIENCE: Duration = Duration::from_secs(1);

/// Bytes moved in one direction of a tunnel before the next tunnel has its turn.
pub const TUNNEL_BUDGET_BYTES: usize = 256 << 10;

/// Looks at what has come up meanwhile, before accepts, handshakes and timers have their turn. On one machine with 50 busy
/// tunnels one look finds the half of it, and more than four find little.
pub const TUNNEL_TURN_PASSES: usize = 4;

/// Bytes moved by all tunnels of a shard after which there is no such look: what they took is time enough for others to wait.
pub const TUNNEL_PASSES_BYTES: usize = TUNNEL_BUDGET_BYTES;

/// Bytes moved by all tunnels of a shard before accepts, handshakes and timers have their turn.
pub const TUNNEL_TURN_BYTES: usize = 4 << 20;

/// How long the ends of a tunnel may take to answer the proxy's Close frame.
pub const TUNNEL_FAREWELL_TIME: Duration = Duration::from_secs(2);

/// The longest time of a tunnel setting. A tunnel counts in ticks of 10 ms, of which four bytes tell 248 days from none.
pub const TUNNEL_TIME_MAX: Duration = Duration::from_secs(240 * 24 * 60 * 60);

/// The longest time from one look at a tunnel to the next: none of its times may leave the clock's range in between.
pub const TUNNEL_LOOK_TIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const _: () = assert!(TUNNEL_TIME_MAX.as_secs() + TUNNEL_LOOK_TIME_MAX.as_secs() < 248 * 24 * 60 * 60);

/// Tunnels whose sockets a sweep tells of `tunnel_keepalive` before traffic has its turn: six system calls each, a tenth of
/// a millisecond together.
pub const TUNNEL_PROBED_COUNT: usize = 64;

/// The longest `idle=` and `interval=` of `tunnel_keepalive` that the kernel takes.
pub const TUNNEL_KEEPALIVE_TIME_MAX: Duration = Duration::from_secs(32_767);

/// The longest `user_timeout=`: milliseconds in a signed number of four bytes.
pub const TUNNEL_USER_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// How often timeouts of tunnels are looked at: they are seconds and more.
pub const TUNNEL_SWEEP_INTERVAL: Duration = Duration::from_secs(1);

const _: () = assert!(TUNNEL_BUFFER_BYTES <= TUNNEL_BUDGET_BYTES && TUNNEL_BUDGET_BYTES <= TUNNEL_TURN_BYTES);
const _: () = assert!(TUNNEL_RING_COMPLETIONS >= 16_384 && TUNNEL_RING_SUBMISSIONS <= TUNNEL_RING_COMPLETIONS);

/// Buffers of one access log with `buffer=`: enough that shards seldom share one, few enough to flush in no time.
pub const ACCESS_LOG_LANES: usize = 16;

/// A line of the error log, as in nginx; what a client sends is in it and must not fill the disk.
pub const ERROR_LINE_BYTES_MAX: usize = 2048;

/// Submissions that a shard's ring takes in one call, and completions it holds before the kernel has to keep them aside.
pub const SHARD_RING_SUBMISSIONS: u32 = 1024;
pub const SHARD_RING_COMPLETIONS: u32 = 16 << 10;

/// How long a fast stop waits for tunnels to be closed and logged.
pub const SHARD_STOP_TIME: Duration = Duration::from_millis(500);

/// A shard that lacks descriptors or connections says so this often at most: the reason does not change faster.
pub const SHARD_WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// A shard at which no connection comes or goes for this long after many is at rest: bursts have shorter gaps.
pub const SHARD_REST_TIME: Duration = Duration::from_millis(100);

/// Connections that are many. To give memory back takes 0.1 ms after few and a millisecond after thousands, and the next ones
/// meet up to fifty new pages; so many connections take 2 ms themselves, and more.
pub const SHARD_REST_CONNECTIONS: u32 = 64;

/// The rest after a single connection. After some of them it is as many times shorter: then what trickles in for ever, at
/// whatever even pace, has memory given back once in so long, for 0.003 % of a core.
pub const SHARD_REST_TIME_MAX: Duration = SHARD_REST_TIME.saturating_mul(SHARD_REST_CONNECTIONS);

/// Descriptors of a shard that are no connections: two rings, bells, reserve, some listeners and pipes.
pub const SHARD_OWN_DESCRIPTORS: u64 = 32;

/// Descriptors of a shard that has no connection and no listener: its mailbox twice, two rings twice, the epoll instance, the
/// reserve. For predictions; counted in /proc.
pub const SHARD_IDLE_DESCRIPTORS: u64 = 8;

/// Descriptors of the process besides its shards, listeners and logs: three of the terminal, eight for signals, the
/// mailbox of reports, the `pid` file. Counted in /proc.
pub const PROCESS_IDLE_DESCRIPTORS: u64 = 13;

/// What a descriptor limit should leave over when it is set: logs opened anew, a reload's files, the resolver.
pub const SPARE_DESCRIPTORS: u64 = 64;

/// Descriptors of a tunnel: its two sockets.
pub const TUNNEL_DESCRIPTORS: u64 = 2;

/// Memory of the proxy itself for a quiet tunnel: its slot, what its log line needs, and the allocator's share. The
/// committed run of `loadtest` has 121 bytes without an access log and 212 with one, `tuning/measure.py` with long request
/// lines 271. This is the highest and a tenth: who predicts too little has processes ended for lack of memory. A test holds
/// it, and the kernel's part below, to the newest committed run.
pub const TUNNEL_USER_BYTES: u64 = 300;

/// Memory of the kernel for a quiet tunnel: two TCP sockets with inode, entry and file (7,280 by /proc/slabinfo of Linux
/// 6.18), two armed polls of 256, and the port's entry. Measured from 1,000 to 8,000 idle tunnels: 5,440 to 5,670 charged
/// to the proxy's cgroup, and 2,368 for the client's socket, which the kernel makes in an interrupt and charges to nobody:
/// at most 8,038, of which the port's entry is not every tunnel's. The committed run has 7,280 and up to 500 beyond.
pub const TUNNEL_KERNEL_BYTES: u64 = 8_000;

/// Memory of the process and of each shard without tunnels, user and kernel: rings, buffers that were touched once.
/// Measured with two shards: 14 MB of private memory after 1,000 tunnels and 2.7 MB of the kernel.
pub const PROCESS_IDLE_BYTES: u64 = 8 << 20;
pub const SHARD_IDLE_BYTES: u64 = 8 << 20;

/// Entries of connection tracking for a tunnel: one for each of its connections that is not a unix socket.
pub const TUNNEL_TRACKED: u64 = 2;

/// Threads beside the shards: the main one, one for passwords, and two workers of each ring that the kernel may start.
pub const PROCESS_THREADS: u64 = 2;
pub const SHARD_THREADS: u64 = 5;

/// The oldest kernel whose io_uring has all that a shard asks for (`IORING_SETUP_SINGLE_ISSUER`).
pub const KERNEL_MIN: (u64, u64) = (6, 0);

/// From the one kernel to before the other rings are not charged to RLIMIT_MEMLOCK (axboe/liburing#1408 is from 6.14).
pub const KERNEL_RINGS_UNLOCKED: [(u64, u64); 2] = [(5, 12), (6, 14)];

/// What the two rings of a shard are charged where they are: between 1.3 and 1.5 MB on Linux 6.18.
pub const SHARD_LOCKED_BYTES: u64 = 1536 << 10;

/// Connections that a shard accepts in a second, at least: a core opens and closes one in 54 us. A queue that holds a
/// second's worth loses none while every client comes back at once.
pub const SHARD_ACCEPTS_PER_SECOND: u64 = 18_000;

/// The most tunnels that the doctor is asked for. All addresses and ports of IPv4 are fewer; beyond it a number is a slip.
pub const DOCTOR_TUNNELS_MAX: u64 = 1_000_000_000;

/// How long an ending process waits for its rings to close what they were told to close, and how often it looks. Over in
/// no time unless the cores are somebody else's.
pub const EXIT_CLOSE_TIME: Duration = Duration::from_secs(10);
pub const EXIT_LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// How often a log that fails is told of: as in nginx, so that a full disk does not fill what space is left.
pub const LOG_FAILURE_INTERVAL: Duration = Duration::from_secs(60);

/// Shortest text that tunnels of a shard share for their access log lines: below it a number saves nothing.
pub const SHARED_WORD_BYTES_MIN: usize = 16;

/// Most such texts of a shard. Whoever makes up more of them pays for them by the tunnel.
pub const SHARED_WORDS_MAX: usize = 4096;

/// Most bytes that a shard keeps to make access log lines in; most need a few hundred.
pub const LOG_SCRATCH_BYTES_MAX: usize = 64 << 10;

/// Most bytes of one write to a log that is no file: those of a pipe, up to this many, go whole or not at all
/// (`PIPE_BUF`).
pub const LOG_PIPE_WRITE_BYTES: usize = 4096;

/// `worker_connections` of all shards of a generated configuration, where the system sets no limit.
pub const CONNECTIONS_GENERATED_MAX: u64 = 10_000_000;

/// Maps that look up maps: a map that reaches itself ends here.
pub const MAP_DEPTH_MAX: u8 = 16;

/// Internal redirects of one request, as in nginx: a folder whose index is a folder ends here.
pub const INTERNAL_REDIRECTS_MAX: usize = 10;

/// Bytes of a file that one call sends: reading them may wait for a disk, and the whole shard with it.
pub const FILE_STEP_BYTES: usize = 512 << 10;

/// Names tried for a new temporary file: those of an earlier process may still be there.
pub const SPOOL_NAME_ATTEMPTS_MAX: usize = 10_000;

/// A peer that has not answered for this long makes it worth watching whether the client is still there. Answers that
/// are faster pay nothing for the watch.
pub const WATCH_CLIENT_AFTER: Duration = Duration::from_millis(100);

/// A client's connection that has waited for a request for this long gives its task up. Whoever asks more often pays nothing
/// for that; the others one task for each request.
pub const CLIENT_PARK_AFTER: Duration = Duration::from_secs(1);

/// Waits with less time left end where they are: parked ones are looked at once a second.
pub const CLIENT_PARK_LEFT_MIN: Duration = Duration::from_secs(2);

/// Connections that are parked in so much time at most, the rest a second later: until the ring has given the old
/// descriptor back each has two, which others may need.
pub const CLIENT_PARK_COUNT: usize = 512;
pub const CLIENT_PARK_COUNT_TIME: Duration = Duration::from_millis(10);

const _: () = assert!(CLIENT_PARK_LEFT_MIN.as_millis() >= 2 * TUNNEL_SWEEP_INTERVAL.as_millis());

/// Passwords that wait for the one thread that compares them; each takes milliseconds, and later ones would time out.
pub const PASSWORDS_WAITING_MAX: usize = 1024;

/// A file of `auth_basic_user_file` is read at each request: larger ones belong into a database.
pub const USER_FILE_BYTES_MAX: u64 = 16 << 20;

/// What one key of a `limit_*_zone` takes besides its own bytes: a place in a list and one in a table.
pub const ZONE_ENTRY_BYTES: usize = 96;

/// A zone has a lock for each so many bytes, up to so many: shards seldom meet, and small zones stay whole.
pub const ZONE_LANE_BYTES: usize = 256 << 10;
pub const ZONE_LANES_MAX: usize = 32;

/// The longest key that a zone counts, as in nginx.
pub const ZONE_KEY_BYTES_MAX: usize = 65_535;

/// A header of the PROXY protocol, as in nginx: addresses and some further values, such as a client's certificate name.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

/// A name server that has not answered is asked again after this long, and this often, as in nginx.
pub const NAME_RESEND_TIME: Duration = Duration::from_secs(5);
pub const NAME_RESENDS_MAX: usize = 5;

/// How long one question may be under way, whoever waits for it: nobody waits longer by default.
pub const NAME_ASK_TIME: Duration = Duration::from_secs(30);

/// Names that one resolver asks for at a time: clients that can choose names must not open sockets without end.
pub const NAMES_ASKED_MAX: usize = 256;

/// Names that one resolver knows: more than real configurations have, and a few hundred kilobytes.
pub const NAMES_KNOWN_MAX: usize = 4096;

/// Addresses of one name that are used: each may be tried for a request.
pub const NAME_ADDRESSES_MAX: usize = 64;

/// A name that is followed is asked for again no sooner than this, whatever its time to live; and after this when there
/// was no answer, as in nginx.
pub const NAME_FOLLOW_MIN: Duration = Duration::from_secs(1);
pub const NAME_RETRY_TIME: Duration = Duration::from_secs(10);

/// How long a start or a reload waits for names that groups follow, so that the first requests find peers.
pub const NAMES_FIRST_TIME: Duration = Duration::from_secs(1);

/// Plain bytes of one TLS record at most (RFC 8446 5.1).
pub const TLS_RECORD_BYTES_MAX: usize = 16 << 10;

/// And at least, whatever `ssl_buffer_size` says: smaller ones are more overhead than bytes.
pub const TLS_RECORD_BYTES_MIN: usize = 512;

/// What encryption adds to a record at most, with what is sent beside it: a key update. More is asked for where needed.
pub const TLS_RECORD_OVERHEAD_BYTES: usize = 128;

/// Ciphertext that one read takes: a whole record and the begin of the next.
pub const TLS_READ_BYTES: usize = 32 << 10;

/// Plain bytes that are encrypted before they are sent: so much ciphertext a connection keeps when its other side takes
/// nothing more.
pub const TLS_WRITE_BYTES: usize = 32 << 10;

/// Room for most of them.
pub const TLS_HELLO_BYTES_USUAL: usize = 2 << 10;

/// A message of a handshake with the heads of its records at most: rustls takes none over 64 KB.
pub const TLS_MESSAGE_BYTES_MAX: usize = 72 << 10;

/// A handshake that is remembered, as in nginx: what is larger has a long chain of a client in it.
pub const TLS_REMEMBERED_BYTES_MAX: usize = 4 << 10;

/// Buffers for ciphertext that a shard keeps are no larger than this.
pub const TLS_SCRATCH_BYTES_MAX: usize = 128 << 10;

/// Certificates between one that is shown and one that may vouch for it: rustls follows no longer chain.
pub const TLS_CHAIN_BETWEEN_MAX: usize = 6;

/// Bytes of the name of an application protocol: its length has one byte (RFC 7301 3.1).
pub const TLS_ALPN_NAME_BYTES_MAX: usize = 255;

/// Names of peers whose last handshake is kept to shorten the next.
pub const TLS_PEER_NAME_COUNT_MAX: usize = 256;

/// Bytes that each end of a relay's pair of sockets may have under way: two buffers of bodies.
pub const RELAY_BUFFER_BYTES: usize = 64 << 10;

/// How often a relay looks whether a tunnel that has ended one way is over.
pub const RELAY_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Rounds by which a password becomes a key: OpenSSL writes 2,048, and a start must end.
pub const TLS_KEY_ROUNDS_MAX: u32 = 10_000_000;
