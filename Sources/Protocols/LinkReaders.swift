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
    private var profinet = ProfinetDCP()
    private let readsProfinet: Bool

    package init(_ selection: AnalyzerSelection) {
        readsProfinet = selection.isOn("profinet_dcp")
    }

    /// Whether there is a reader for a frame: the ingress hands on no other.
    package static func read(_ frame: LinkFrame) -> Bool {
        frame.organisation == 0 && frame.type == ProfinetDCP.etherType
    }

    package mutating func take(_ frame: LinkFrame, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        guard frame.organisation == 0 else { return }
        switch frame.type {
        case ProfinetDCP.etherType: if readsProfinet { profinet.read(frame, bytes, &context) }
        default: break
        }
    }
}

extension TextBuffer {
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
