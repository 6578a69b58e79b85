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
    init(_ datagram: borrowing Datagram, _ packet: UInt64) {
        self.init()
        number = packet
        vlan = datagram.layer.vlan
        innerVLAN = datagram.layer.innerVLAN
        sourceMAC = datagram.layer.sourceMAC
        targetMAC = datagram.layer.targetMAC
    }
}
