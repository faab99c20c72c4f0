#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# eth0=slirp with a BusyBox guest: DHCP, name server, ping, IPv6, a download
# and an upload with checksums, redirections; nothing listens but on loopback.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 2 --mem 1536 --timeout 400

SIZE=2
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
echo "nameserver 127.0.0.1" >/etc/resolv.conf
mkdir -p www
dd if=/dev/urandom of=www/data bs=1M count=$SIZE status=none
SUM=$(md5sum <www/data | cut -d' ' -f1)

# One answer for every name, and a web server that also takes a file.
cat >servers.py <<'EOF'
import http.server, socket, threading, hashlib

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        digest = hashlib.md5()
        left = int(self.headers["Content-Length"])
        while left:
            data = self.rfile.read(min(left, 65536))
            digest.update(data)
            left -= len(data)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(digest.hexdigest().encode() + b"\n")
    def log_message(self, *_):
        pass

def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        data, peer = server.recvfrom(512)
        end = data.index(b"\0", 12) + 5
        v4 = data[end - 4:end - 2] == b"\0\1"
        answer = data[:2] + b"\x81\x80\0\1" + (b"\0\1" if v4 else b"\0\0")
        answer += b"\0\0\0\0" + data[12:end]
        if v4:
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x07"
        server.sendto(answer, peer)

class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

threading.Thread(target=names, daemon=True).start()
threading.Thread(target=Six(("::1", 8006), Handler).serve_forever,
                 daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
EOF
(cd www && exec python3 ../servers.py) &
SERVERS=$!
up() { socat -u OPEN:/dev/null TCP:127.0.0.1:8000 2>/dev/null; }
wait_for 20 up

# What the guest does, fetched by it.
cat >www/script <<'EOF'
echo "address $(ip -4 -o addr show dev eth0 | awk '{print $4}')"
echo "mac $(cat /sys/class/net/eth0/address)"
echo "name $(nslookup any.test 10.0.2.3 | awk '/^Address/ { a = $NF } END { print a }')"
ping -c 2 -W 5 10.0.2.2 | tail -n 2 | head -n 1
start=$(date +%s)
echo "down $(wget -q -O - http://10.0.2.2:8000/data | tee /tmp/data | md5sum)"
echo "up $( (printf "POST / HTTP/1.0\r\nContent-Length: $(stat -c %s /tmp/data)\r\n\r\n"; cat /tmp/data) | nc 10.0.2.2 8000 | tail -n 1)"
echo "seconds $(($(date +%s) - start))"
echo "six $(wget -q -O - 'http://[fec0::2]:8006/six')"
mkdir -p /tmp/www; echo hello >/tmp/www/index.html
httpd -p 80 -h /tmp/www
echo "ready"
nc -l -p 99 >/dev/null
EOF
echo "six works" >www/six
start_initrd guest 6.1 "
	echo '#!/bin/sh' >/tmp/script; echo '[ -n \$ip ] || exit 0' >>/tmp/script;
	echo 'ifconfig \$interface \$ip netmask \$subnet' >>/tmp/script;
	echo 'route add default gw \$router' >>/tmp/script;
	chmod +x /tmp/script; ip link set eth0 up;
	udhcpc -i eth0 -n -q -s /tmp/script;
	until ip -6 route | grep -q default; do usleep 100000; done;
	wget -q -O /tmp/s http://10.0.2.2:8000/script; sh /tmp/s" \
	eth0=slirp,,tcp:2222:80/udp:2253:53/tcp:2299:99/tcp:3000:80:3
try "the guest is ready" wait_text 200 guest '^ready'
get() { printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 10 - "TCP:127.0.0.1:$1" | tail -n 1; }
is "$(get 2222)" hello "a redirected TCP port"
PORTS='(2222|2253|2299|300[012])$'
is "$(ss -Htln | awk '{ print $4 }' | grep -Ec "127.0.0.1:$PORTS")" \
	5 "redirections listen, all of a row"
is "$(ss -Htuln | awk '{ print $5 }' | grep -Ec "^(0.0.0.0|\*|\[::\]):$PORTS")" \
	0 "and on loopback only"
like "$(tr '\0' ' ' <"/proc/$(pgrep -f -- '--slirp')/status")" \
	'Uid:[[:space:]]65534' "the slirp process is nobody"
echo end | socat -u - TCP:127.0.0.1:2299
ended 60 "$PID"
is "$STATUS" 0 "the guest powers off"
OUT=$(tr -d '\r' <"$LOG/guest")
like "$OUT" "^address 10.0.2.15/24" "DHCP"
like "$OUT" "^mac [0-9a-f][26ae]:" "a MAC address of its own"
like "$OUT" "^name .*192.0.2.7" "the name server"
like "$OUT" "2 packets received" "ping"
like "$OUT" "^down $SUM" "a download of $SIZE MB"
like "$OUT" "^up $SUM" "an upload of $SIZE MB"
like "$OUT" "^six six works" "IPv6"
diag "$(grep -E '^seconds' <<<"$OUT") for $SIZE MB down and up"
guest 30 kernel="$(kernel_of 6.1)" "modules=$(realpath "$DATA/kernels/6.1/modules")" \
	"initrd=$INITRD" eth0=slirp,,tcp:8000:80
is "$STATUS" 1 "a port that is taken ends it"
like "$OUT" "eth0: cannot listen at TCP port 8000" \
	"with an error"
kill $SERVERS
is "$(pgrep -c colinux)" 0 "no process is left"
no_trouble "$(cat "$LOG/guest")" "guest"
host_is_healthy
done_testing
