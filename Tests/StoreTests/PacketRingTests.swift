// SPDX-License-Identifier: Apache-2.0
//
// The packet ring's files: what was written is read, in order, whatever happened to its writer.

import Foundation
import Records
import Testing

@testable import Store

private func flow(_ number: UInt64) -> PacketFlow {
    PacketFlow(
        uid: UID(value: number),
        id: ConnectionID(
            originator: Address(v4: 0x0A00_0000 | UInt32(number)), responder: Address(v4: 0xC000_0201),
            originatorPort: UInt16(1000 + number), responderPort: 443, transport: .tcp, protocolNumber: 6))
}

/// The octets of packet `number`: its number, then a seeded rest.
private func octets(_ number: UInt64, _ count: Int = 300) -> [UInt8] {
    var random = Seeded(number &* 0x9E37_79B9_7F4A_7C15 ^ 0x5555_5555)
    var bytes: [UInt8] = []
    bytes.append(littleEndian: number)
    while bytes.count < count { bytes.append(UInt8.random(in: .min ... .max, using: &random)) }
    return bytes
}

@Suite struct `A packet ring` {
    private func settings(_ folder: TemporaryFolder, _ byteCount: Int = 100 << 20) -> PacketRingSettings {
        var settings = PacketRingSettings()
        settings.folder = folder.path + "/packets"
        settings.byteCount = byteCount
        settings.queueBytes = 4 << 20
        settings.waits = true
        return settings
    }

    /// Writes packets `numbers`, a millisecond apart, of ten flows in turn; a chunk holds `perChunk`.
    private func write(_ ring: PacketRing, _ numbers: Range<UInt64>, perChunk: Int = 100, run: UInt64 = 1) throws {
        var chunk: PacketChunk?
        var places: [UInt64: UInt16] = [:]
        for number in numbers {
            if chunk == nil {
                chunk = ring.spare(run: run)
                places = [:]
            }
            guard let filled = chunk else { return }
            let flow = flow(number % 10)
            let place = places[number % 10] ?? filled.add(flow)
            places[number % 10] = place
            let bytes = octets(number)
            // Safe: the span lives through the call.
            filled.append(
                time: Timestamp(nanoseconds: Int64(number) * 1_000_000 + 7), number: number, wireLength: 1500,
                linkType: 1, places: [place], octets: unsafe bytes.span.bytes)
            if filled.packetCount >= perChunk {
                ring.submit(filled)
                chunk = nil
            }
        }
        if let chunk { ring.submit(chunk) }
    }

    /// The numbers of the packets that come, in order; checks the octets of each.
    private func numbers(_ folder: String, _ change: (inout PacketQuestion) -> Void = { _ in }) throws -> [UInt64] {
        var question = PacketQuestion()
        change(&question)
        var found: [UInt64] = []
        _ = try PacketRingReader(folder: folder).read(question) { packet in
            let number = UInt64(packet.time.nanoseconds / 1_000_000)
            #expect(Array(packet.octets) == octets(number) && packet.wireLength == 1500 && packet.linkType == 1)
            #expect(packet.flows == [flow(number % 10)])
            found.append(number)
            return true
        }
        return found
    }

    @Test func `packets come back by connection, address, flow name and time, in order`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder)
        let ring = try PacketRing(choices)
        // Two threads' chunks overlap in time.
        try write(ring, 0..<550)
        try write(ring, 550..<1000, perChunk: 70)
        ring.finish()
        #expect(ring.counters.stored == 1000 && ring.counters.dropped == 0)
        let path = choices.folder
        #expect(try numbers(path) == Array(0..<1000))
        #expect(try numbers(path) { $0.uids = [UID(value: 3)] } == Array(stride(from: 3, to: 1000, by: 10)))
        #expect(try numbers(path) { $0.addresses = [Address(v4: 0x0A00_0004)] }.count == 100)
        #expect(try numbers(path) { $0.addresses = [Address(v4: 0xC000_0201)] }.count == 1000)
        let name = String(decoding: flow(5).communityID, as: UTF8.self)
        #expect(try numbers(path) { $0.communityIDs = [name] }.allSatisfy { $0 % 10 == 5 })
        #expect(try numbers(path) { $0.uids = [UID(value: 77)] } == [])
        #expect(try numbers(path) {
            $0.since = Timestamp(nanoseconds: 100_000_007)
            $0.until = Timestamp(nanoseconds: 103_000_000)
        } == [100, 101, 102])
        #expect(PacketRingReaderCheck.faults(path) == [])
    }

    @Test func `a reading stops where it is told to, and one that was read again comes once`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder)
        for _ in 0..<2 {
            let ring = try PacketRing(choices)
            try write(ring, 0..<200)
            ring.finish()
        }
        #expect(try numbers(choices.folder) == Array(0..<200))
        var count = 0
        let reading = try PacketRingReader(folder: choices.folder).read(PacketQuestion()) { _ in
            count += 1
            return count < 5
        }
        #expect(count == 5 && reading.packets == 5)
        // Another run numbers its packets anew.
        let ring = try PacketRing(choices)
        try write(ring, 0..<200, run: 2)
        ring.finish()
        #expect(try numbers(choices.folder).count == 400)
    }

    @Test func `the oldest files go, and the ring keeps to its size`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder, 16 << 20)
        let ring = try PacketRing(choices)
        try write(ring, 0..<80_000, perChunk: 2000)
        ring.finish()
        let files = PacketFile.all(choices.folder)
        #expect(files.reduce(0) { $0 + $1.byteCount } <= choices.byteCount)
        #expect(files.count > 4 && files[0].number > 1)
        let found = try numbers(choices.folder)
        #expect(found.last == 79_999 && found == Array(found[0]...79_999) && found.count > 20_000)
    }

    @Test func `a torn last block is left out, and the next writer goes on`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder)
        var ring = try PacketRing(choices)
        try write(ring, 0..<300)
        ring.finish()
        let file = try #require(PacketFile.all(choices.folder).first)
        // As a killed writer leaves it: no index, the last block cut anywhere.
        StoreFile.remove(file.index)
        let whole = try Data(contentsOf: URL(filePath: file.packets))
        var random = Seeded(11)
        for _ in 0..<20 {
            let cut = Int.random(in: whole.count * 2 / 3 + 2000 ..< whole.count, using: &random)
            try whole.prefix(cut).write(to: URL(filePath: file.packets))
            #expect(try numbers(choices.folder) == Array(0..<200), "cut at \(cut)")
        }
        ring = try PacketRing(choices)
        try write(ring, 300..<400)
        ring.finish()
        #expect(try numbers(choices.folder) == Array(0..<200) + Array(300..<400))
        #expect(StoreFile.exists(file.index))
        #expect(PacketRingReaderCheck.faults(choices.folder) == [])
    }

    @Test func `changed octets are found and never believed`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder)
        let ring = try PacketRing(choices)
        try write(ring, 0..<300)
        ring.finish()
        let file = try #require(PacketFile.all(choices.folder).first)
        var random = Seeded(5)
        for path in [file.packets, file.index] {
            let whole = try Data(contentsOf: URL(filePath: path))
            for _ in 0..<60 {
                var changed = whole
                changed[Int.random(in: 0..<whole.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try changed.write(to: URL(filePath: path))
                #expect(PacketRingReaderCheck.faults(choices.folder).count == 1)
                // `numbers` compares the octets of each packet that comes.
                let found = try numbers(choices.folder)
                #expect(Set(found).isSubset(of: Set(0..<300)))
            }
            try whole.write(to: URL(filePath: path))
        }
        #expect(PacketRingReaderCheck.faults(choices.folder) == [])
    }

    @Test func `where the disk does not keep up nobody waits`() throws {
        let folder = TemporaryFolder()
        var choices = settings(folder)
        choices.waits = false
        choices.reserveBytes = .max / 4
        let ring = try PacketRing(choices)
        var held: [PacketChunk] = []
        while let chunk = ring.spare(run: 1) { held.append(chunk) }
        #expect(held.count == 4)
        let bytes = octets(1)
        // Safe: the span lives through the call.
        held[0].append(
            time: .zero, number: 1, wireLength: 1, linkType: 1, places: [], octets: unsafe bytes.span.bytes)
        for chunk in held { ring.submit(chunk) }
        ring.finish()
        // The disk has less room than is to stay free: the packet is dropped, counted and told of.
        #expect(ring.counters.dropped == 1 && ring.counters.stored == 0)
        #expect(ring.takeComplaints().map(\.code) == [.full])
    }

    @Test func `two writers of one ring are refused, and a folder without one is told`() throws {
        let folder = TemporaryFolder()
        let choices = settings(folder)
        let ring = try PacketRing(choices)
        #expect(throws: StoreError(.locked, "", path: "", advice: "")) { _ = try PacketRing(choices) }
        ring.finish()
        #expect(throws: StoreError(.missing, "", path: "", advice: "")) {
            _ = try PacketRingReader(folder: folder.path + "/nowhere")
        }
    }
}

private enum PacketRingReaderCheck {
    static func faults(_ folder: String) -> [StoreFault] {
        (try? PacketRingReader(folder: folder).check().faults) ?? []
    }
}
