#!/usr/bin/env python3
"""What settings of this folder do and cost, on this machine: python3 tuning/measure.py [queue ports reuse buffers quiet tunnels].

Runs in a network namespace of its own (root), so it changes nothing of the host and measures nothing of its traffic.
Loopback only: what a network card adds is not in the figures.
"""
import contextlib, errno, os, select, socket, statistics, subprocess, sys, tempfile, time

HERE = "127.0.0.1"


def setting(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))


def listening(backlog, address=(HERE, 0)):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen(backlog)
    return server


def starting(address):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(address)
    return client


def tcp_memory():
    line = next(line for line in open("/proc/net/sockstat") if line.startswith("TCP:"))
    return int(line.split(" mem ")[1]) * os.sysconf("SC_PAGESIZE")


def queue():
    """listen backlog= and net.core.somaxconn: 2,000 clients at once, nobody accepts for the moment."""
    for length in (128, 511, 4096):
        setting("net.core.somaxconn", length)
        server = listening(65535)
        clients = [starting(server.getsockname()) for _ in range(2000)]
        begin, done = time.monotonic(), 0
        poll = select.poll()
        for client in clients:
            poll.register(client, select.POLLOUT)
        while time.monotonic() - begin < 0.8:
            for number, _ in poll.poll(50):
                poll.unregister(number)
                done += 1
        print(f"  queue of {length:5}: {done:5} connected at once, {2000 - done:5} wait a second for the next attempt")


def ports():
    """net.ipv4.ip_local_port_range: what the last ports cost, with 4,000 of them towards one peer."""
    setting("net.ipv4.ip_local_port_range", "20000 23999")
    server = listening(65535, (HERE, 9000))
    for title, bound in (("connect()", False), ("bind(), then connect(), with IP_BIND_ADDRESS_NO_PORT", True)):
        held, times = [], []
        while True:
            client = socket.socket()
            if bound:
                client.setsockopt(socket.IPPROTO_IP, 24, 1)
                client.bind((HERE, 0))
            begin = time.perf_counter()
            refused = client.connect_ex(server.getsockname())
            if refused:
                break
            times.append((time.perf_counter() - begin) * 1e6)
            held += [client, server.accept()[0]]
        share = lambda low, high: statistics.median(times[len(times) * low // 100 : len(times) * high // 100])
        print(f"  {title}: {len(times)} connections, then {errno.errorcode[refused]}; median"
              f" {share(0, 10):.0f} us for the first tenth, {share(45, 55):.0f} in the middle, {share(99, 100):.0f} for the last hundredth")
        # The end that closes first keeps the port for a minute: let that be the server's.
        for end in held[1::2] + held[0::2]:
            end.close()


def reuse():
    """net.ipv4.tcp_tw_reuse: 64 ports, connections that the client's end closes first, for three seconds."""
    setting("net.ipv4.ip_local_port_range", "30000 30063")
    for value, title in ((0, "off"), (2, "loopback only, the default"), (1, "on")):
        setting("net.ipv4.tcp_tw_reuse", value)
        server = listening(1000, (HERE, 9100 + value))
        begin, done = time.monotonic(), 0
        while time.monotonic() - begin < 3:
            client = socket.socket()
            if client.connect_ex(server.getsockname()):
                client.close()
                time.sleep(0.01)
                continue
            accepted = server.accept()[0]
            client.close()
            accepted.close()
            done += 1
        print(f"  {value} ({title}): {done} connections")


def buffers():
    """net.ipv4.tcp_rmem and tcp_wmem: what one reader that stopped holds in the kernel, client side of a tunnel."""
    setting("net.ipv4.ip_local_port_range", "1024 65535")
    for receive, send in (("4096 131072 33554432", "4096 16384 4194304"), ("4096 16384 1048576", "4096 16384 1048576")):
        setting("net.ipv4.tcp_rmem", receive)
        setting("net.ipv4.tcp_wmem", send)
        while tcp_memory() > 64 << 10:
            time.sleep(0.01)
        server = listening(10)
        client = socket.create_connection(server.getsockname())
        writer = server.accept()[0]
        writer.setblocking(False)
        before, taken, idle = tcp_memory(), 0, 0
        while idle < 20:
            try:
                taken += writer.send(bytes(65536))
                idle = 0
            except BlockingIOError:
                idle += 1
                time.sleep(0.01)
        print(f"  tcp_rmem {receive}, tcp_wmem {send}: {taken // 1024:,} KiB taken, {(tcp_memory() - before) // 1024:,} KiB held")
        client.close()
        writer.close()


def quiet():
    """net.ipv4.tcp_mem: pages of quiet connections, and of those with 64 bytes that nobody has read yet."""
    count = 2000
    server = listening(4096)
    pairs = []
    for _ in range(count):
        client = socket.create_connection(server.getsockname())
        pairs.append((client, server.accept()[0]))
    before = tcp_memory()
    for client, accepted in pairs:
        client.send(bytes(64))
        accepted.recv(64)
    calm = tcp_memory()
    for client, _ in pairs:
        client.send(bytes(64))
    print(f"  {count} quiet connections that have spoken: {(calm - before) / count:.0f} B each; with 64 B unread:"
          f" {(tcp_memory() - calm) / count:.0f} B each")


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
REQUEST = f"GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
ANSWER = f"HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".encode()
CONFIGURATION = """daemon off; worker_processes 1; user root; pid %(dir)s/pid; error_log %(dir)s/error.log;
events { worker_connections 20000; }
http { access_log %(log)s; server { listen 127.0.0.1:9020; location / { proxy_pass http://127.0.0.1:9010; } } }"""


def tunnels():
    """memory of quiet tunnels through the program that $LONGHAUL names, with and without an access log."""
    program = os.environ.get("LONGHAUL", "target/release/longhaul")
    peer = listening(4096, (HERE, 9010))
    for log in ("off", "on"):
        with tempfile.TemporaryDirectory() as folder, control_group() as (join, kernel_bytes):
            with open(folder + "/nginx.conf", "w") as file:
                file.write(CONFIGURATION % {"dir": folder, "log": "off" if log == "off" else folder + "/access.log"})
            proxy = subprocess.Popen([program, "-c", folder + "/nginx.conf"], preexec_fn=join)
            while not os.path.exists(folder + "/pid"):
                time.sleep(0.01)
            time.sleep(0.2)
            held, readings = [], []
            for count in (1000, 4000):
                while len(held) < count:
                    client = socket.create_connection((HERE, 9020))
                    client.sendall(REQUEST)
                    accepted = peer.accept()[0]
                    accepted.recv(4096)
                    accepted.sendall(ANSWER)
                    assert b" 101 " in client.recv(4096)
                    held.append((client, accepted))
                time.sleep(0.5)
                rollup = open(f"/proc/{proxy.pid}/smaps_rollup").read()
                private = int(rollup.split("Private_Dirty:")[1].split()[0]) * 1024
                readings.append((private, kernel_bytes()))
            user, kernel = [(after - before) / 3000 for before, after in zip(*readings)]
            print(f"  access log {log}: {user:.0f} B of the proxy, {kernel:.0f} B of the kernel charged to it")
            proxy.terminate()
            proxy.wait()
            held.clear()


@contextlib.contextmanager
def control_group():
    """A memory cgroup of its own, of either version: how to join it, and the kernel's bytes in it."""
    for root, file in (("/sys/fs/cgroup/memory", "memory.kmem.usage_in_bytes"), ("/sys/fs/cgroup", "memory.stat")):
        folder = f"{root}/longhaul-measure-{os.getpid()}"
        try:
            os.mkdir(folder)
            open(f"{folder}/{file}").close()
            break
        except OSError:
            pass
    else:
        sys.exit("no memory cgroup can be made here")

    def join():
        with open(folder + "/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))

    def kernel_bytes():
        text = open(f"{folder}/{file}").read()
        return int(text.split("\nkernel ")[1].split()[0] if "\nkernel " in text else text)

    try:
        yield join, kernel_bytes
    finally:
        time.sleep(0.1)
        os.rmdir(folder)


ALL = {function.__name__: function for function in (queue, ports, reuse, buffers, quiet, tunnels)}

if __name__ == "__main__":
    if os.environ.get("LONGHAUL_MEASURE") != "inside":
        os.environ["LONGHAUL_MEASURE"] = "inside"
        os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in sys.argv[1:] or ALL:
        print(f"{name}: {ALL[name].__doc__}")
        ALL[name]()
