// SPDX-License-Identifier: Apache-2.0
//
// Packets out of the ring, in order of time.
//
// Reads   the files of a ring, also while it is written.
// Writes  nothing.
// Leaves  pcapng and filters (the sensor's `PacketExport`), alerts' names.

package import Records

/// Which packets are wanted: what is named of each kind is enough by itself, all kinds together must hold.
package struct PacketQuestion: Sendable {
    /// Connections; empty is any.
    package var uids: Set<UID> = []
    package var addresses: Set<Address> = []
    /// Community IDs, as `1:…`.
    package var communityIDs: Set<String> = []
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}

    var namesFlows: Bool { !uids.isEmpty || !addresses.isEmpty || !communityIDs.isEmpty }

    /// Keys of the index of which a block must have one; nil is every block.
    var keys: [UInt64]? {
        if !uids.isEmpty { return uids.map { PacketKey.uid($0) } }
        if !communityIDs.isEmpty { return communityIDs.map { PacketKey.communityID(Array($0.utf8)) } }
        return addresses.isEmpty ? nil : addresses.map { PacketKey.address($0) }
    }

    func wants(_ flow: PacketFlow) -> Bool {
        guard uids.isEmpty || uids.contains(flow.uid) else { return false }
        guard addresses.isEmpty || addresses.contains(flow.id.originator) || addresses.contains(flow.id.responder)
        else { return false }
        return communityIDs.isEmpty || communityIDs.contains(String(decoding: flow.communityID, as: UTF8.self))
    }

    func overlaps(_ place: PacketBlockPlace) -> Bool {
        (since.map { place.newest >= $0 } ?? true) && (until.map { place.oldest <= $0 } ?? true)
    }
}

/// A packet of the ring.
package struct StoredPacket: Sendable {
    package var time: Timestamp
    package var wireLength: UInt32
    package var linkType: UInt16
    package var flows: [PacketFlow]
    package var octets: ArraySlice<UInt8>
}

/// What a reading met.
package struct PacketReading: Sendable, Equatable {
    package var files = 0
    package var blocks = 0
    package var packets = 0
    /// Blocks that are not as they were written.
    package var damagedBlocks = 0

    package init() {}
}

/// A ring, open for reading.
package struct PacketRingReader: Sendable {
    private let folder: String

    /// Throws `.missing` where there is no ring.
    package init(folder: String) throws(StoreError) {
        self.folder = StoreFile.plain(folder)
        guard StoreFile.isFolder(self.folder) else {
            throw StoreError(
                .missing, "there is no packet ring here", path: self.folder,
                advice: "capture or replay with --packets SIZE, or name the folder with --packets-dir")
        }
    }

    /// Blocks that are unpacked at once: beyond it order gives way to memory.
    private static let openMax = 64

    /// Calls `body` with each packet that is wanted, in order of time, until it answers false. A packet that was read
    /// again, or by two workers of one replay, comes once.
    package func read<E: Error>(
        _ question: PacketQuestion, _ body: (StoredPacket) throws(E) -> Bool
    ) throws(E) -> PacketReading {
        var reading = PacketReading()
        let places = places(question, &reading)
        var next = 0
        var open: [OpenBlock] = []
        var seen: [(time: Timestamp, run: UInt64, number: UInt64)] = []
        while true {
            // A block is opened when its first packet may be the next.
            while next < places.count, open.count < PacketRingReader.openMax,
                open.isEmpty || (open.map(\.next).min() ?? .zero) >= places[next].place.oldest
            {
                reading.blocks += 1
                if let block = OpenBlock(places[next].file, places[next].place, question) {
                    if !block.isEmpty { open.append(block) }
                } else {
                    reading.damagedBlocks += 1
                }
                next += 1
            }
            guard let first = open.indices.min(by: { open[$0].next < open[$1].next }) else {
                if next < places.count { continue }
                return reading
            }
            let (packet, number) = open[first].take()
            let run = open[first].run
            if open[first].isEmpty { open.remove(at: first) }
            if seen.first?.time != packet.time { seen.removeAll(keepingCapacity: true) }
            guard !seen.contains(where: { $0.run == run && $0.number == number }) else { continue }
            seen.append((packet.time, run, number))
            reading.packets += 1
            guard try body(packet) else { return reading }
        }
    }

    private func places(
        _ question: PacketQuestion, _ reading: inout PacketReading
    ) -> [(file: MappedSegment, place: PacketBlockPlace)] {
        var found: [(file: MappedSegment, place: PacketBlockPlace)] = []
        for file in PacketFile.all(folder) {
            // It may have gone since the folder was listed.
            guard let mapped = try? MappedSegment(path: file.packets) else { continue }
            reading.files += 1
            let places: [PacketBlockPlace]
            if let index = PacketIndexFile(path: file.index, fileBytes: mapped.byteCount) {
                places = index.places(question.keys)
            } else {
                var (index, _) = PacketIndexBuilder.scan(mapped)
                places = index.places(question.keys)
            }
            found += places.filter(question.overlaps).map { (mapped, $0) }
        }
        return found.sorted { ($0.place.oldest, $0.place.offset) < ($1.place.oldest, $1.place.offset) }
    }

    /// Reads everything and compares it with its checksums. A last block that is torn in a file without an index is no
    /// fault: its writer was killed, or writes it now.
    package func check() -> (reading: PacketReading, faults: [StoreFault]) {
        var reading = PacketReading()
        var faults: [StoreFault] = []
        for file in PacketFile.all(folder) {
            guard let mapped = try? MappedSegment(path: file.packets) else { continue }
            reading.files += 1
            guard StoreFile.exists(file.index) else {
                reading.blocks += PacketIndexBuilder.scan(mapped).index.blocks.count
                continue
            }
            guard let index = PacketIndexFile(path: file.index, fileBytes: mapped.byteCount), index.isWhole else {
                let reason = "the index is not as it was written"
                faults.append(StoreFault(kind: .damaged, path: file.index, reason: reason))
                continue
            }
            for place in index.places(nil) {
                reading.blocks += 1
                guard let header = PacketBlockHeader(mapped, place.offset), header.isWhole(mapped, place.offset) else {
                    reading.damagedBlocks += 1
                    let reason = "the block at octet \(place.offset) is not as it was written"
                    faults.append(StoreFault(kind: .damaged, path: file.packets, reason: reason))
                    continue
                }
                reading.packets += header.packetCount
            }
        }
        return (reading, faults)
    }
}

/// An unpacked block and its wanted packets, by time.
private struct OpenBlock {
    private let octets: [UInt8]
    private let flows: [PacketFlow]
    private var records: [(time: Timestamp, offset: Int)] = []
    private var position = 0
    let run: UInt64

    var isEmpty: Bool { position >= records.count }
    var next: Timestamp { records[position].time }

    /// Nil where the block is damaged.
    init?(_ file: MappedSegment, _ place: PacketBlockPlace, _ question: PacketQuestion) {
        guard let header = PacketBlockHeader(file, place.offset), header.isWhole(file, place.offset),
            let flows = header.flows(file, place.offset), let octets = header.records(file, place.offset)
        else { return nil }
        self.flows = flows
        self.octets = octets
        run = header.run
        let isWanted = flows.map { question.wants($0) }
        var reader = OctetReader(octets)
        while reader.position < octets.count {
            let start = reader.position
            guard let record = PacketRecord(&reader) else { return nil }
            let time = record.time
            if let since = question.since, time < since { continue }
            if let until = question.until, time > until { continue }
            let isNamed = record.places.contains { $0 < flows.count && isWanted[$0] }
            if isNamed || !question.namesFlows { records.append((time, start)) }
        }
        records.sort { ($0.time, $0.offset) < ($1.time, $1.offset) }
    }

    mutating func take() -> (packet: StoredPacket, number: UInt64) {
        var reader = OctetReader(octets, at: records[position].offset)
        position += 1
        guard let record = PacketRecord(&reader) else { preconditionFailure("a record that was read cannot be read") }
        let packet = StoredPacket(
            time: record.time, wireLength: record.wireLength, linkType: record.linkType,
            flows: record.places.filter { $0 < flows.count }.map { flows[$0] }, octets: octets[record.octets])
        return (packet, record.number)
    }
}

/// The header of one packet.
private struct PacketRecord {
    var time: Timestamp
    var number: UInt64
    var wireLength: UInt32
    var linkType: UInt16
    var places: [Int] = []
    var octets: Range<Int>

    /// Reads it and passes over the packet; nil where it does not fit.
    init?(_ reader: inout OctetReader) {
        guard let time = reader.word(), let number = reader.word(), let lengths = reader.word(),
            let kind = reader.number(4)
        else { return nil }
        self.time = Timestamp(nanoseconds: Int64(bitPattern: time))
        self.number = number
        wireLength = UInt32(truncatingIfNeeded: lengths >> 32)
        linkType = UInt16(truncatingIfNeeded: kind)
        for _ in 0 ..< Int(kind >> 16) {
            guard let place = reader.number(2) else { return nil }
            places.append(Int(place))
        }
        let count = Int(UInt32(truncatingIfNeeded: lengths))
        guard count <= reader.bytes.count - reader.position else { return nil }
        octets = reader.position ..< reader.position + count
        reader.position += count
    }
}
