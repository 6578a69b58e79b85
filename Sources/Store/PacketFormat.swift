// SPDX-License-Identifier: Apache-2.0
//
// The packet ring's files: blocks of compressed packets, and an index beside each finished file.
//
// Reads   and writes octets; every length is compared with what is there before it is used.
// Leaves  which file is open and which goes (`PacketRingWriter`), choosing (`PacketRingReader`).
//
//     block   "WPB1", CRC-32 of all that follows, octets of the flow table (packed, plain), octets of the records
//             (packed, plain), packets, flows: 4 octets each; oldest and newest time, run: 8 each; 8 of zeros; the
//             flow table; the records (`PacketChunk`). Packed is LZ4; where both lengths are equal it is not packed.
//     flow    uid (8), originator and responder (16 each), their ports (2 each), IP protocol (1), transport (1), two
//             zeros
//     index   "WPI1", CRC-32 of all that follows, blocks, keys: 4 octets each; octets of the packets' file: 8; of each
//             block offset, octets, oldest, newest: 8 each; the sorted keys: 8 each; the block of each key: 4 each
//
// All little-endian. A key is a connection's uid, or a hash of an address or of a Community ID: what a block may hold.

internal import Records

/// What stands in front of a block.
struct PacketBlockHeader {
    static let byteCount = 64
    static let magic: UInt32 = 0x3142_5057
    /// Nothing that is written is longer; what claims more is damage.
    static let plainMax = 64 << 20

    var flowBytes = 0
    var flowPlain = 0
    var bodyBytes = 0
    var bodyPlain = 0
    var packetCount = 0
    var flowCount = 0
    var oldest = Timestamp.zero
    var newest = Timestamp.zero
    var run: UInt64 = 0

    /// Octets of the whole block.
    var blockBytes: Int { PacketBlockHeader.byteCount + flowBytes + bodyBytes }

    init() {}

    /// Nil where there is no block at `offset`, or not all of it.
    init?(_ file: MappedSegment, _ offset: Int) {
        guard let first = file.word(offset), UInt32(truncatingIfNeeded: first) == PacketBlockHeader.magic,
            let words = PacketBlockHeader.words(file, offset)
        else { return nil }
        func low(_ word: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: word)) }
        (flowBytes, flowPlain) = (low(words[1]), low(words[1] >> 32))
        (bodyBytes, bodyPlain) = (low(words[2]), low(words[2] >> 32))
        (packetCount, flowCount) = (low(words[3]), low(words[3] >> 32))
        oldest = Timestamp(nanoseconds: Int64(bitPattern: words[4]))
        newest = Timestamp(nanoseconds: Int64(bitPattern: words[5]))
        run = words[6]
        guard flowPlain <= PacketBlockHeader.plainMax, bodyPlain <= PacketBlockHeader.plainMax,
            flowPlain == flowCount * PacketFlow.storedBytes, blockBytes <= file.byteCount - offset
        else { return nil }
    }

    private static func words(_ file: MappedSegment, _ offset: Int) -> [UInt64]? {
        var words: [UInt64] = []
        for place in 0..<8 {
            guard let word = file.word(offset + place * 8) else { return nil }
            words.append(word)
        }
        return words
    }

    /// Whether the block at `offset` is as it was written.
    func isWhole(_ file: MappedSegment, _ offset: Int) -> Bool {
        guard let first = file.word(offset) else { return false }
        return file.checksum(offset + 8, blockBytes - 8) == UInt32(truncatingIfNeeded: first >> 32)
    }

    /// The flow table of the block at `offset`; nil where it is damaged.
    func flows(_ file: MappedSegment, _ offset: Int) -> [PacketFlow]? {
        let place = offset + PacketBlockHeader.byteCount
        guard let plain = PacketBlockHeader.plain(file, place, flowBytes, flowPlain) else { return nil }
        var reader = OctetReader(plain)
        var flows: [PacketFlow] = []
        for _ in 0..<flowCount {
            guard let flow = PacketFlow(&reader) else { return nil }
            flows.append(flow)
        }
        return flows
    }

    /// The records of the block at `offset`; nil where they are damaged.
    func records(_ file: MappedSegment, _ offset: Int) -> [UInt8]? {
        PacketBlockHeader.plain(file, offset + PacketBlockHeader.byteCount + flowBytes, bodyBytes, bodyPlain)
    }

    private static func plain(_ file: MappedSegment, _ offset: Int, _ packed: Int, _ count: Int) -> [UInt8]? {
        packed == count
            ? file.bytes(offset, count) : file.decompress(offset, packed, plainCount: count, .lz4Raw)
    }
}

extension PacketBlockHeader {
    /// Appends a chunk as a block.
    static func write(_ chunk: PacketChunk, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: byteCount))
        var flows: [UInt8] = []
        flows.reserveCapacity(chunk.flows.count * PacketFlow.storedBytes)
        for flow in chunk.flows { flow.write(to: &flows) }
        let flowBytes = pack(flows, to: &bytes)
        let bodyBytes = pack(chunk.bytes, to: &bytes)
        var header: [UInt8] = []
        for word in [
            UInt64(flowBytes) | UInt64(flows.count) << 32, UInt64(bodyBytes) | UInt64(chunk.bytes.count) << 32,
            UInt64(chunk.packetCount) | UInt64(chunk.flows.count) << 32,
            UInt64(bitPattern: chunk.oldest.nanoseconds), UInt64(bitPattern: chunk.newest.nanoseconds), chunk.run, 0,
        ] { header.append(littleEndian: word) }
        bytes.replaceSubrange(start + 8 ..< start + byteCount, with: header)
        let sum = PageChecksum.crc32(bytes, from: start + 8)
        var front: [UInt8] = []
        front.append(littleEndian: magic)
        front.append(littleEndian: sum)
        bytes.replaceSubrange(start ..< start + 8, with: front)
    }

    /// Appends octets, packed where that makes them fewer, and answers how many they are then.
    private static func pack(_ plain: [UInt8], to bytes: inout [UInt8]) -> Int {
        let start = bytes.count
        if !plain.isEmpty, LZ4.compress(plain, to: &bytes), bytes.count - start < plain.count {
            return bytes.count - start
        }
        bytes.removeLast(bytes.count - start)
        bytes.append(contentsOf: plain)
        return plain.count
    }
}

extension PacketFlow {
    static let storedBytes = 48

    func write(to bytes: inout [UInt8]) {
        for word in [
            uid.value, id.originator.high, id.originator.low, id.responder.high, id.responder.low,
            UInt64(id.originatorPort) | UInt64(id.responderPort) << 16 | UInt64(id.protocolNumber) << 32
                | UInt64(id.transport.rawValue) << 40,
        ] { bytes.append(littleEndian: word) }
    }

    init?(_ reader: inout OctetReader) {
        guard let uid = reader.word(), let origin = reader.word(), let originLow = reader.word(),
            let answer = reader.word(), let answerLow = reader.word(), let rest = reader.word()
        else { return nil }
        self.uid = UID(value: uid)
        id = ConnectionID(
            originator: Address(high: origin, low: originLow), responder: Address(high: answer, low: answerLow),
            originatorPort: UInt16(truncatingIfNeeded: rest), responderPort: UInt16(truncatingIfNeeded: rest >> 16),
            transport: Transport(rawValue: UInt8(truncatingIfNeeded: rest >> 40)) ?? .unknown,
            protocolNumber: UInt8(truncatingIfNeeded: rest >> 32))
    }

    /// What its packets are looked for by.
    var keys: [UInt64] {
        [PacketKey.uid(uid), PacketKey.address(id.originator), PacketKey.address(id.responder),
            PacketKey.communityID(communityID)]
    }

    /// The flow's Community ID, version 1.
    package var communityID: [UInt8] {
        var text: [UInt8] = []
        CommunityID.write(id: id, to: &text)
        return text
    }
}

/// Keys of the index.
enum PacketKey {
    static func uid(_ uid: UID) -> UInt64 { uid.value }

    static func address(_ address: Address) -> UInt64 {
        var hash = SipHash(key0: 1, key1: 0)
        hash.absorb(address.high)
        hash.absorb(address.low)
        return hash.finish()
    }

    static func communityID(_ text: [UInt8]) -> UInt64 {
        var hash = SipHash(key0: 2, key1: 0)
        hash.absorb(text)
        return hash.finish()
    }
}

/// Octets from a place on, each read bounded.
struct OctetReader {
    let bytes: [UInt8]
    var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    mutating func number(_ count: Int) -> UInt64? {
        guard count <= bytes.count - position else { return nil }
        var value: UInt64 = 0
        for place in 0..<count { value |= UInt64(bytes[position &+ place]) << UInt64(place &* 8) }
        position &+= count
        return value
    }

    mutating func word() -> UInt64? { number(8) }
}
