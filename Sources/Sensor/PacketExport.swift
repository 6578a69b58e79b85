// SPDX-License-Identifier: Apache-2.0
//
// Packets of the ring as a capture file.
//
// Reads   the ring; the store's alerts, for comments.
// Writes  pcapng, piece by piece, to whoever asked.
// Leaves  which connections are wanted (the command), files (likewise).

import Capture
package import Records
package import Store

/// One export.
package struct PacketExport {
    package var question = PacketQuestion()
    /// A filter of pcap-filter(7), which must hold too.
    package var filter: String?
    /// What the alerts of each connection are called: comments on its packets.
    package var names: [UID: [AlertName]] = [:]
    /// The program's name in the file.
    package var application = "weir"

    /// Octets that are gathered before they are handed on.
    private static let pieceBytes = 1 << 20

    package init() {}

    package struct Outcome: Sendable, Equatable {
        package var reading = PacketReading()
        package var packets = 0
        package var octets = 0
        /// Packets with a comment.
        package var commented = 0
        package var oldest: Timestamp?
        package var newest: Timestamp?
    }

    /// Reads the ring in `folder` and hands the file on. Throws `StoreError` where there is no ring, `CaptureError`
    /// where the filter is wrong, and what `sink` throws.
    package func run(folder: String, to sink: ([UInt8]) throws -> Void) throws -> Outcome {
        let reader = try PacketRingReader(folder: folder)
        let matcher = try filter.map { try PacketMatcher($0) }
        var writer = PcapngWriter(application: application)
        var outcome = Outcome()
        outcome.reading = try reader.read(question) { packet in
            if let matcher,
                try !matcher.matches(packet.octets, linkType: packet.linkType, wireLength: packet.wireLength)
            {
                return true
            }
            let comments = comments(packet.flows)
            writer.append(
                nanoseconds: packet.time.nanoseconds, linkType: packet.linkType, wireLength: packet.wireLength,
                octets: packet.octets, comments: comments)
            outcome.packets += 1
            outcome.octets += packet.octets.count
            if !comments.isEmpty { outcome.commented += 1 }
            if outcome.oldest == nil { outcome.oldest = packet.time }
            outcome.newest = packet.time
            if writer.bytes.count >= PacketExport.pieceBytes {
                try sink(writer.bytes)
                writer.bytes.removeAll(keepingCapacity: true)
            }
            return true
        }
        try sink(writer.bytes)
        return outcome
    }

    private func comments(_ flows: [PacketFlow]) -> [String] {
        guard !names.isEmpty else { return [] }
        return flows.flatMap { flow in names[flow.uid]?.map { "\($0.description); uid \(flow.uid)" } ?? [] }
    }
}
