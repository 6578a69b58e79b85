// SPDX-License-Identifier: Apache-2.0
//
// What can be chosen about connections: time-outs, limits, ports, networks.
//
// Reads   nothing: the configuration fills it in.
// Writes  nothing.
// Leaves  the text forms of prefixes and durations to the configuration.

package import Records

/// Time-outs, limits and knowledge of the place. Durations are nanoseconds of packet time;
/// the defaults are Zeek's (scripts/base/init-bare.zeek).
package struct FlowSettings: Sendable {
    /// An originator's SYN without any answer ends after this.
    package var attemptDelay = 5 * second
    /// Silence after which a connection with one closed end is over.
    package var linger = 5 * second
    /// When a TCP connection is first looked at for that (`tcp_SYN_timeout`), and how often then.
    package var sessionDelay = 5 * second
    package var sessionInterval = 6 * second
    /// A closed connection is kept for this, for stray segments.
    package var closeDelay = 5 * second
    /// Silence that ends a TCP connection whose handshake was seen or missed.
    package var tcpInactivity = 300 * second
    /// Silence that ends a TCP connection still shaking hands, and all other flows.
    package var shortInactivity = 60 * second
    /// Silence that ends connections to `patientPorts`, where people sit and think.
    package var patientInactivity = 3600 * second
    /// Responder ports of FTP, SSH, Telnet and rlogin.
    package var patientPorts: [UInt16] = [21, 22, 23, 513]
    /// How often a connection that goes on gets a `conn_open` row; 0 for never.
    package var openInterval = 3600 * second

    /// Connections at once in one table. At the limit the one whose timer is next ends early.
    package var connectionsMax = 1_000_000
    /// Octets held out of order in all, in one table.
    package var reassemblyBytesMax = 256 << 20
    /// Stretches held out of order for one direction. Looking for the place of a new one walks
    /// over those after it, so this also bounds work.
    package var heldBlocksMax = 2048
    /// Octets beyond a hole when none of the direction was ever acknowledged
    /// (`tcp_max_above_hole_without_any_acks`): the other direction is not seen.
    package var unacknowledgedMax: UInt64 = 16_384
    /// Octets held or delivered and not acknowledged (`tcp_excessive_data_without_further_acks`).
    package var pendingMax: UInt64 = 10 << 20
    /// Changes of the tunnel around one connection that are recorded
    /// (`Tunnel::max_changes_per_connection`).
    package var tunnelChangesMax = 5

    /// Ports that more likely belong to a responder, for flows whose start was not seen.
    package var likelyTCPPorts = PortSet()
    package var likelyUDPPorts = PortSet([4789, 6081, 5072, 3544, 2152, 2123, 4754])
    /// What `local_orig` and `local_resp` call local.
    package var localNetworks: [AddressPrefix] = AddressPrefix.special
    /// Takes every transport checksum for good.
    package var ignoringChecksums = false
    /// Takes the checksums of UDP and ICMP for good, as signature engines do.
    package var ignoringDatagramChecksums = false
    /// Part of every identity.
    package var sensorName = "weir"

    package init() {}

    var ignoresDatagramChecksums: Bool { ignoringChecksums || ignoringDatagramChecksums }
}

/// A set of ports: one bit each.
package struct PortSet: Sendable {
    private var words = [UInt64](repeating: 0, count: 1024)

    package init(_ ports: [UInt16] = []) {
        for port in ports { insert(port) }
    }

    package mutating func insert(_ port: UInt16) { words[Int(port >> 6)] |= 1 << UInt64(port & 63) }
    package func contains(_ port: UInt16) -> Bool { words[Int(port >> 6)] & (1 << UInt64(port & 63)) != 0 }
}
