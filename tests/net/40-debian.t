#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A Debian on the network, its user-mode one and a TAP interface: apt installs
# from a mirror that the host serves, one made here of one package.  With
# COLINUX_SOAK=1 (make soak) of Debian's own: nginx (100 MB both ways), ssh
# through a redirection, iperf3 through slirp, vhost-net and TAP beside a veth
# pair of the host's, 10,000 short connections, a container of podman's.

. "$(dirname "$0")/../lib/box.sh"
PACKAGES="nginx-light iperf3 openssh-server openssh-client curl podman crun
	busybox-static"
TOP=$(cd "$(dirname "$0")/../.." && pwd -P)
if [ -z "${IN_BOX:-}${COLINUX_SOAK:-}" ]; then
	in_box --smp 2 --mem 2048 --timeout 600
elif [ -z "${IN_BOX:-}" ]; then
	# shellcheck disable=SC2086
	REPO=$("$TOP/box/repo" $PACKAGES) || bail "no packages"
	in_box --smp 2 --mem 3072 --timeout 10800 --share "repo=$REPO"
fi
in_box

modprobe -a tun veth || bail "the host has no TAP devices"
cp --sparse=always "$DEBIAN" root.img

# A mirror of the one package that is made here.
small_repo()
{
	mkdir -p package/DEBIAN package/usr/bin repo
	printf '%s\n' "Package: beside" "Version: 1" "Architecture: all" \
		"Maintainer: coLinux <colinux@localhost>" \
		"Description: test" >package/DEBIAN/control
	printf '#!/bin/sh\necho "two kernels"\n' >package/usr/bin/beside
	chmod 755 package/usr/bin/beside
	dpkg-deb --root-owner-group -b package repo/beside.deb >/dev/null
	{
		cat package/DEBIAN/control
		echo "Filename: ./beside.deb"
		echo "Size: $(stat -c %s repo/beside.deb)"
		echo "SHA256: $(sha256sum <repo/beside.deb | cut -d' ' -f1)"
	} >repo/Packages
}

# debian NAME SCRIPT OPTION...: boot, fetch SCRIPT from the mirror, run it,
# power off.  Sets STATUS and OUT.
debian()
{
	local name=$1 script=$2 basics
	shift 2
	mapfile -t basics < <(words 6.12)
	STATUS=0
	"$TOP/tests/lib/converse" "$LIMIT" colinux run "${basics[@]}" \
		name=debian mem="$MEM" cpus=2 loglevel=5 cobd0=root.img \
		root=/dev/cobd0 rw "$@" >"$LOG/$name" 2>&1 <<-END || STATUS=$?
		expect colinux login: 
		send root
		expect root@colinux:[^#]*# 
		send ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up
		send ip route add default via 10.0.2.2; H=/usr/lib/apt/apt-helper
		send until \$H download-file http://10.0.2.2:8000/$script /root/s; do :; done
		send sh /root/s; echo script-\$((1 + 1))
		expect script-2
		$STEPS
		send poweroff
		end
	END
	OUT=$(plain "$LOG/$name")
	is "$STATUS" 0 "$name: boots and powers off" ||
		diag "$(tail -n 40 <<<"$OUT")"
	no_trouble "$OUT" "$name"
}

if [ -z "$SOAK" ]; then
	LIMIT=200 MEM=384 STEPS=
	small_repo
	cat >repo/script <<-'EOF2'
	echo "deb [trusted=yes] http://10.0.2.2:8000/ ./" >/etc/apt/sources.list
	apt-get -q update && apt-get -qy install beside
	echo "says $(beside)"
	EOF2
	python3 -m http.server --bind 127.0.0.1 -d repo 8000 >/dev/null 2>&1 &
	debian apt script eth0=slirp
	like "$OUT" '^says two kernels' "apt installs a package, which runs"
	kill %1
	skip "nginx, ssh, iperf3, connections, podman" "make soak runs them"
	host_is_healthy
	done_testing
fi

modprobe vhost_net || skip_all "the host has no vhost-net"
LIMIT=5400 MEM=1024
# --- The host: nginx, ssh, iperf3 from the same mirror ---
echo "deb [trusted=yes] file:/share/repo ./" >/etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive
(apt-get -q update && apt-get -qy --no-install-recommends install \
	nginx-light iperf3 openssh-client) >"$LOG/host-apt" 2>&1 ||
	bail "the host's own apt fails: $(tail -n 3 "$LOG/host-apt")"
service nginx stop >/dev/null 2>&1
mkdir -p www/up
chmod 777 www/up .
dd if=/dev/urandom of=www/big bs=1M count=100 status=none
SUM=$(md5sum <www/big | cut -d' ' -f1)
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub www/key
ln -s /share/repo www/repo
cat >nginx.conf <<EOF2
worker_processes 2;
user root;
events { }
http {
	access_log off;
	client_max_body_size 200m;
	server {
		listen 127.0.0.1:8000;
		listen 10.8.0.1:8000;
		root $PWD/www;
		location /up/ { dav_methods PUT; }
	}
}
EOF2
cat >www/connect.pl <<'EOF2'
use IO::Socket::INET;
my ($to, $wanted, $done) = (@ARGV, 0);
for (1 .. $wanted) {
	my $s = IO::Socket::INET->new(PeerAddr => $to) or next;
	print $s "x\n";
	my $answer = <$s>;
	$done++ if defined $answer and $answer eq "ok\n";
}
print "connections $to $done\n";
EOF2
cat >server.py <<'EOF2'
import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"ok\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
Server(("0.0.0.0", 7000), Handler).serve_forever()
EOF2
cat >www/script <<EOF2
echo "deb [trusted=yes] http://10.0.2.2:8000/repo/ ./" >/etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive
apt-get -q update >/dev/null && apt-get -qy --no-install-recommends install \
	$(one_line "$PACKAGES") >/root/apt.log 2>&1
echo "apt \$?"
ip addr add 10.8.0.2/24 dev eth1; ip link set eth1 up
mkdir -p /root/.ssh; curl -s http://10.0.2.2:8000/key >/root/.ssh/authorized_keys
chmod -R go-rwx /root/.ssh
for from in 10.0.2.2 10.8.0.1; do
	echo "down \$from \$(curl -s http://\$from:8000/big | tee /root/big | md5sum)"
	curl -sT /root/big http://\$from:8000/up/\$from; echo "up \$from \$?"
done
cp /root/big /var/www/html/big
curl -s http://10.0.2.2:8000/connect.pl >/root/connect.pl
perl /root/connect.pl 10.8.0.1:7000 10000
perl /root/connect.pl 10.0.2.2:7000 10000
mkdir -p /root/rootfs/bin /root/rootfs/proc /root/rootfs/dev /root/rootfs/sys
cp /bin/busybox /root/rootfs/bin/
podman run --rm --network none --rootfs /root/rootfs \
	/bin/busybox sh -c 'echo container uid \$(/bin/busybox id -u) pid \$\$'
iperf3 -s -D
EOF2
cat >www/again <<'EOF2'
ip addr add 10.8.0.2/24 dev eth1; ip link set eth1 up
iperf3 -s -D
EOF2

# Made here, so that the address is there before nginx asks for it.
ip tuntap add tap1 mode tap multi_queue
ip addr add 10.8.0.1/24 dev tap1
ip link set tap1 up
nginx -c "$PWD/nginx.conf"
python3 server.py &
SERVER=$!

# rate NAME ARGUMENT...: what iperf3 measures, both ways, into $LOG/rates.
rate()
{
	local name=$1 way
	shift
	for way in "" -R; do
		"${IPERF[@]}" iperf3 -c "$@" -t 5 -f m $way >"$LOG/iperf" 2>&1
		echo "$name ${way:-->} $(awk '/receiver/ { print $7, $8 }' \
			"$LOG/iperf")"
	done >>"$LOG/rates"
}
IPERF=()

cat >outside.sh <<EOF2
$(declare -f rate)
LOG=$LOG IPERF=()
ssh() { command ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR -i $PWD/key \\
	-p 2222 root@127.0.0.1 "\$@"; }
# The guest's last line may have no end yet.
echo
echo "ssh \$(ssh 'cat /etc/hostname; uname -r' | tr '\n' ' ')"
echo "ssh sum \$(ssh cat /root/big | md5sum)"
echo "redirected \$(curl -s http://127.0.0.1:2280/big | md5sum)"
rate slirp 127.0.0.1
rate "\$1" 10.8.0.2
EOF2
apt-get -qy --no-install-recommends install curl >/dev/null 2>&1

CARDS=(eth0=slirp,,tcp:2222:22/tcp:2280:80/tcp:5201:5201 eth1=tuntap,tap1)
STEPS="run bash $PWD/outside.sh vhost-net"
debian vhost-net script "${CARDS[@]}"
like "$OUT" '^apt 0$' "apt installs from the host's mirror"
for from in 10.0.2.2 10.8.0.1; do
	like "$OUT" "^down $from $SUM" "100 MB from nginx, $from"
	like "$OUT" "^up $from 0" "100 MB to nginx, $from"
	is "$(md5sum <"www/up/$from" | cut -d' ' -f1)" "$SUM" "they are the same"
done
like "$OUT" "^ssh colinux 6.12" "ssh through a redirection"
like "$OUT" "^ssh sum $SUM" "100 MB through ssh"
like "$OUT" "^redirected $SUM" "100 MB from the guest's nginx"
like "$OUT" '^connections 10.8.0.1:7000 10000' "10,000 connections by TAP"
like "$OUT" '^connections 10.0.2.2:7000 10000' "10,000 connections by slirp"
like "$OUT" '^container uid 0 pid 1' "podman runs a container"

rmmod vhost_net
rm -f /dev/vhost-net
STEPS="run bash $PWD/outside.sh tap"
debian tap again "${CARDS[@]}"

# The host alone: a veth pair between two name spaces.
veth_pair
ip netns exec b iperf3 -s -D
IPERF=(ip netns exec a)
rate veth 10.6.0.2
pkill -x iperf3
diag "$(cat "$LOG/rates")"
is "$(grep -c bits/sec "$LOG/rates")" 10 "iperf3 measured every way"
kill $SERVER
nginx -c "$PWD/nginx.conf" -s stop
host_is_healthy
done_testing
