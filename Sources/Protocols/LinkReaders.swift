// SPDX-License-Identifier: Apache-2.0
//
// Protocols that live on the link itself, without IP and without connections.
//
// Reads   frames that the decoder stopped at (`LinkFrame`).
// Writes  rows, through the readers.
// Leaves  what each says (one file for each protocol).

import Records
package import Wire

/// The readers of one worker, by EtherType. To add one: its number in `read`, a property, a line in `take`.
package struct LinkReaders: ~Copyable {
    private static let ciscoOrganisation: UInt32 = 0x0C

    private var profinet = ProfinetDCP()
    private var arp = ARPRecord()
    private var lldp = LLDPRecord()
    private var cdp = CDPRecord()
    private let readsProfinet: Bool
    private let readsARP: Bool
    private let readsLLDP: Bool
    private let readsCDP: Bool

    package init(_ selection: AnalyzerSelection) {
        readsProfinet = selection.isOn("profinet_dcp")
        readsARP = selection.isOn("arp")
        readsLLDP = selection.isOn("lldp")
        readsCDP = selection.isOn("cdp")
    }

    /// Whether there is a reader for a frame: the ingress hands on no other.
    package static func read(_ frame: LinkFrame) -> Bool {
        switch (frame.organisation, frame.type) {
        case (0, ProfinetDCP.etherType), (0, ARPRecord.etherType), (0, LLDPRecord.etherType): true
        default: isCDP(frame)
        }
    }

    package mutating func take(_ frame: LinkFrame, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        guard frame.organisation == 0 else {
            guard LinkReaders.isCDP(frame), readsCDP, cdp.read(bytes, from: frame.sourceMAC) else { return }
            cdp.ts = context.now
            return context.output.emit(cdp)
        }
        switch frame.type {
        case ProfinetDCP.etherType: if readsProfinet { profinet.read(frame, bytes, &context) }
        case ARPRecord.etherType:
            guard readsARP, arp.read(bytes, from: frame.sourceMAC, to: frame.targetMAC) else { return }
            arp.ts = context.now
            context.output.emit(arp)
        case LLDPRecord.etherType:
            guard readsLLDP, lldp.read(bytes, from: frame.sourceMAC) else { return }
            lldp.ts = context.now
            context.output.emit(lldp)
        default: break
        }
    }

    private static func isCDP(_ frame: LinkFrame) -> Bool {
        frame.organisation == ciscoOrganisation && frame.type == CDPRecord.type
    }
}

extension TextBuffer {
    /// The address in six octets from a place on.
    mutating func hardwareAddress(_ octets: RawSpan, at place: Int) -> Text {
        let (high, low) = (octets.load(place, as: UInt32.self), octets.load(place &+ 4, as: UInt16.self))
        return hardwareAddress(UInt64(high) << 16 | UInt64(low))
    }

    /// A 48-bit address as six pairs of hexadecimal digits.
    mutating func hardwareAddress(_ value: UInt64) -> Text {
        let start = begin()
        for place in 0..<6 {
            if place > 0 { append(":") }
            append(hexadecimal: value >> UInt64(40 &- place &* 8) & 0xFF, digits: 2)
        }
        return end(start)
    }
}
