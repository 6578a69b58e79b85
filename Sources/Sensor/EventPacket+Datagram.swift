// SPDX-License-Identifier: Apache-2.0
//
// What events of EVE say of the packet at work.
//
// Reads   a datagram as the ingress placed it.
// Writes  `EventPacket`.
// Leaves  the rest of an event (analyzers, the Worker).

import Records
import Wire

extension EventPacket {
    /// `kind` is that of the tunnel right around the datagram.
    init(_ datagram: borrowing Datagram, _ packet: UInt64, in kind: TunnelKind) {
        self.init()
        number = packet
        vlan = datagram.layer.vlan
        middleVLAN = datagram.layer.middleVLAN
        innerVLAN = datagram.layer.innerVLAN
        sourceMAC = datagram.layer.sourceMAC
        targetMAC = datagram.layer.targetMAC
        let layer = datagram.layer
        guard layer.depth > 0 || layer.isReassembled else { return }
        // Suricata numbers what was in the capture, not what it takes out of that.
        isOfCapture = false
        guard layer.depth > 0 else {
            source = "defrag"
            return
        }
        source =
            switch kind {
            case .gre: "gre tunnel"
            case .vxlan: "vxlan tunnel"
            case .geneve: "geneve tunnel"
            case .teredo: "teredo tunnel"
            case .ip: layer.version == 6 ? "ipv6 tunnel" : "ipv4 tunnel"
            default: "ipv4 tunnel"
            }
    }
}
