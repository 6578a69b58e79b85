# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Reads   nothing of the machine but its programs.
# Writes  a laboratory: network namespaces, bridges, servers, and one capture of all that crosses the office bridge.
# Leaves  the machine as it was. The laboratory has its own mount, network, process and host-name namespaces; when its
#         first process ends, every process, interface and file in it goes. None of its interfaces leads outside.
#
# Sourced by `office` and `intrusion`. Addresses: the office is 10.20.0.0/16 and 2001:db8:14::/64; "the internet" is
# 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8:ff::/64. All are private or reserved for documentation, as
# are the names below .example and .test. Passwords and keys exist only in the laboratory.

set -euo pipefail
# shellcheck source=Scripts/setup
source "$(dirname -- "${BASH_SOURCE[0]}")/../../Scripts/setup"

# shellcheck disable=SC2034  # read by the scripts that source this one
make_dir="$weir_root/pcaps/make"
lab=/run/lab

lab_packages=(bind9-dnsutils bsdutils chrony curl dnsmasq-base dovecot-imapd ethtool hydra inetutils-syslogd iodine
    iproute2 iputils-ping lftp libnet-ssleay-perl lighttpd netcat-openbsd nginx-light nmap openssh-client openssh-server
    openssl php-cgi python3-aiosmtpd samba smbclient socat sshpass swaks tcpdump tshark udhcpc vsftpd wget)

# Enters the laboratory, or goes on when it is entered already. Arguments: seconds it may take; the script's arguments.
enter_lab() {
    local seconds=$1
    shift
    if [[ -z ${WEIR_LAB:-} ]]; then
        [[ $(id -u) -eq 0 ]] || die "network namespaces need root: sudo $0"
        need_packages "${lab_packages[@]}"
        say "entering the laboratory, for at most $seconds s"
        exec env -i WEIR_LAB=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root PACE="${PACE:-1}" \
            LAB_LOG="${LAB_LOG:-}" SUDO_UID="${SUDO_UID:-}" SUDO_GID="${SUDO_GID:-}" \
            timeout -k 5 "$seconds" \
            unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc -- "$0" "$@"
    fi
    hostname lab
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p $lab /run/netns /run/sshd /run/vsftpd/empty
    local folder
    for folder in etc var home root; do
        mkdir -p "$lab/over/$folder" "$lab/over/$folder.work"
        mount -t overlay -o "lowerdir=/$folder,upperdir=$lab/over/$folder,workdir=$lab/over/$folder.work" \
            overlay "/$folder"
    done
    mkdir -m 1777 $lab/tmp
    export TMPDIR=$lab/tmp
    rm -rf /root/.ssh /root/.curlrc /root/.wgetrc /root/.netrc
    printf 'lab\n' >/etc/hostname
    printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
    # Each host knows its own name, and need not ask for it.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nhostname "$1"\nshift\nexec "$@"\n' >$lab/as
    chmod 755 $lab $lab/as
    printf 'nameserver 10.20.0.53\nsearch office.test\n' >/etc/resolv.conf
    # No user of the machine is known inside, only the packages' own.
    local kind
    for kind in passwd group shadow; do
        awk -F: 'NF == 9 || $3 < 1000 || $1 == "nobody" || $1 == "nogroup"' "/etc/$kind" >"$lab/$kind"
        cat "$lab/$kind" >"/etc/$kind"
    done
    sed -i -E 's/^([^:]*):[^:]*:/\1:*:/' /etc/shadow
    ip link set lo up
    add_bridge office
    add_bridge internet
}

# Adds a user of the laboratory: name, password.
add_user() {
    useradd --create-home --shell /bin/bash "$1"
    printf '%s:%s\n' "$1" "$2" | chpasswd
}

add_bridge() {
    ip link add "$1" type bridge mcast_snooping 0
    sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
    ip link set "$1" up
}

# Joins a host to a bridge: host, interface, bridge, last two octets of its hardware address. Offloading is off:
# every packet is as long as on a wire and has its checksums.
plug() {
    local host=$1 interface=$2 bridge=$3 octets=$4
    local port="p${octets//:/}"
    ip link add "$port" type veth peer name "$interface" netns "$host" address "02:00:5e:10:$octets"
    ethtool -K "$port" tx off rx off tso off gso off gro off sg off >/dev/null 2>&1
    ip netns exec "$host" ethtool -K "$interface" tx off rx off tso off gso off gro off sg off >/dev/null 2>&1
    sysctl -qw "net.ipv6.conf.$port.disable_ipv6=1"
    ip link set "$port" master "$bridge" up
    ip -n "$host" link set lo up
    ip -n "$host" link set "$interface" up
}

# Adds a host: name, bridge, hardware octets, its default router, addresses with prefix length...
add_host() {
    local host=$1 bridge=$2 octets=$3 gateway=$4 address
    shift 4
    printf '127.0.1.1 %s\n' "$host" >>/etc/hosts
    ip netns add "$host"
    plug "$host" eth0 "$bridge" "$octets"
    for address in "$@"; do
        if [[ $address == *:* ]]; then
            ip -n "$host" addr add "$address" dev eth0 nodad
        else
            ip -n "$host" addr add "$address" dev eth0
        fi
    done
    ip -n "$host" route add default via "$gateway"
    case $bridge in
    office) ip -n "$host" -6 route add default via 2001:db8:14::1 2>/dev/null || true ;;
    internet) ip -n "$host" -6 route add default via 2001:db8:ff::1 2>/dev/null || true ;;
    esac
}

# Adds the router between the office and the internet.
add_router() {
    ip netns add router
    plug router lan office 00:01
    plug router wan internet ff:01
    local address
    for address in 10.20.0.1/16 2001:db8:14::1/64; do ip -n router addr add $address dev lan; done
    for address in 192.0.2.1/24 198.51.100.1/24 203.0.113.1/24 2001:db8:ff::1/64; do
        ip -n router addr add $address dev wan
    done
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# Runs a program on a host, for a minute and a half at most. What it complains of goes to the laboratory's log; its
# status is not looked at: a failed login is part of the play.
on() {
    local host=$1
    shift
    printf '+ %s: %s\n' "$host" "$*" >>$lab/log
    ip netns exec "$host" unshare --uts $lab/as "$host" timeout -k 2 90 "$@" >/dev/null 2>>$lab/log </dev/null || true
}

# Starts a server on a host; it lives until the laboratory ends.
serve() {
    local host=$1
    shift
    printf '+ %s serves: %s\n' "$host" "$*" >>$lab/log
    ip netns exec "$host" unshare --uts $lab/as "$host" "$@" >>$lab/log 2>&1 </dev/null &
}

# Waits until a host listens on a TCP port, ten seconds at most.
wait_for() {
    local host=$1 port=$2 try
    for ((try = 0; try < 100; try++)); do
        if [[ -n $(ip netns exec "$host" ss -Hltn "sport = :$port") ]]; then return 0; fi
        sleep 0.1
    done
    tail -n 20 $lab/log >&2
    die "nothing listens on port $port of $host"
}

# Sleeps; PACE=6 makes a quiet hour of ten busy minutes.
rest() { sleep "$(awk -v s="$1" -v p="$PACE" 'BEGIN { print s * p }')"; }

# Starts the capture of the office bridge.
start_capture() {
    tcpdump -q -n -s 0 -B 16384 -Z root -i office -w $lab/out.pcap 2>$lab/tcpdump.log &
    tcpdump_pid=$!
    local try
    for ((try = 0; try < 100; try++)); do
        if grep -q 'listening on' $lab/tcpdump.log; then return 0; fi
        sleep 0.1
    done
    die "tcpdump did not start: $(head -n 1 $lab/tcpdump.log)"
}

# Ends the capture and puts it in its place, and the laboratory's log where LAB_LOG says, if it says.
end_capture() {
    local target=$1
    sleep 2
    kill -INT "$tcpdump_pid"
    wait "$tcpdump_pid" || true
    grep -q '^0 packets dropped by kernel' $lab/tcpdump.log || die "tcpdump lost packets; run it again"
    cp $lab/out.pcap "$target"
    if [[ -n ${SUDO_UID:-} ]]; then chown "$SUDO_UID:${SUDO_GID:-}" "$target"; fi
    if [[ -n ${LAB_LOG:-} ]]; then cp $lab/log "$LAB_LOG"; fi
    say "wrote $target: $(capinfos -TmQrcu "$target" 2>/dev/null | cut -d, -f2,3 || true) (packets, seconds)"
}

# Makes an authority and a certificate for the names given: base name, names...
make_certificate() {
    local base=$lab/tls/$1 names name
    shift
    mkdir -p $lab/tls
    if [[ ! -e $lab/tls/ca.pem ]]; then
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/O=Example Trust/CN=Example Test Root" \
            -keyout $lab/tls/ca.key -out $lab/tls/ca.pem 2>/dev/null
    fi
    printf -v names 'DNS:%s,' "$@"
    name=$1
    openssl req -newkey rsa:2048 -nodes -subj "/O=Example/CN=$name" -keyout "$base.key" -out "$base.csr" 2>/dev/null
    openssl x509 -req -in "$base.csr" -CA $lab/tls/ca.pem -CAkey $lab/tls/ca.key -CAcreateserial -days 397 \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "${names%,}") -out "$base.pem" 2>/dev/null
    cat $lab/tls/ca.pem >>"$base.pem"
}

# An SSH server on a host; its address names its key.
serve_ssh() {
    local host=$1 folder=$lab/ssh/$1
    mkdir -p "$folder"
    ssh-keygen -q -t ed25519 -N '' -C "$host" -f "$folder/key"
    cat >"$folder/sshd_config" <<TEXT
HostKey $folder/key
PidFile none
UsePAM no
PasswordAuthentication yes
MaxStartups 50
Subsystem sftp internal-sftp
TEXT
    serve "$host" /usr/sbin/sshd -D -e -f "$folder/sshd_config"
    wait_for "$host" 22
}

# An FTP server for the users of the laboratory.
serve_ftp() {
    local host=$1 file=$lab/vsftpd-$1.conf
    cat >"$file" <<TEXT
listen=YES
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
seccomp_sandbox=NO
pam_service_name=vsftpd
secure_chroot_dir=/run/vsftpd/empty
ftpd_banner=Files of the office
TEXT
    chmod 600 "$file"
    serve "$host" vsftpd "$file"
    wait_for "$host" 21
}

# A file server with the share "projects" in a folder. Arguments: host, folder, a user that was added, the password.
serve_smb() {
    local host=$1 folder=$2 user=$3 password=$4 private=$lab/samba
    mkdir -p $private/{private,state,cache,lock,pid,log,ncalrpc}
    cat >$private/smb.conf <<TEXT
[global]
    server role = standalone server
    netbios name = ${host^^}
    workgroup = OFFICE
    private dir = $private/private
    state directory = $private/state
    cache directory = $private/cache
    lock directory = $private/lock
    pid directory = $private/pid
    ncalrpc dir = $private/ncalrpc
    log file = $private/log/smbd
    disable netbios = yes
    smb ports = 445
    load printers = no
    printing = bsd
    server multi channel support = no
[projects]
    path = $folder
    read only = no
TEXT
    printf '%s\n%s\n' "$password" "$password" | smbpasswd -c $private/smb.conf -a -s "$user" >>$lab/log 2>&1
    chown -R "$user" "$folder"
    serve "$host" smbd --foreground --no-process-group --configfile=$private/smb.conf
    wait_for "$host" 445
}
