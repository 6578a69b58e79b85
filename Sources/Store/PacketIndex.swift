// SPDX-License-Identifier: Apache-2.0
//
// Which blocks of a packet file may have a connection's packets, and from when they are.
//
// Reads   an index file; where there is none, or it does not fit, the blocks themselves.
// Writes  the index of a finished file.
// Leaves  the format's description (`PacketFormat.swift`).

internal import Records

/// A block's place and times.
struct PacketBlockPlace: Sendable {
    var offset: Int
    var byteCount: Int
    var oldest: Timestamp
    var newest: Timestamp
}

/// The index of a file that is being written, or of one that was found without.
struct PacketIndexBuilder {
    private struct Entry: Comparable {
        var key: UInt64
        var block: UInt32

        static func < (left: Entry, right: Entry) -> Bool {
            left.key != right.key ? left.key < right.key : left.block < right.block
        }
    }

    private(set) var blocks: [PacketBlockPlace] = []
    private var entries: [Entry] = []
    static let magic: UInt32 = 0x3149_5057
    /// A file with more keys is closed: 64 MB of memory.
    static let keysMax = 4_000_000

    var isFull: Bool { entries.count >= PacketIndexBuilder.keysMax }

    mutating func add(_ place: PacketBlockPlace, _ flows: [PacketFlow]) {
        let block = UInt32(truncatingIfNeeded: blocks.count)
        blocks.append(place)
        var keys: [UInt64] = []
        keys.reserveCapacity(flows.count * 4)
        for flow in flows { keys += flow.keys }
        keys.sort()
        var last: UInt64?
        for key in keys where key != last {
            entries.append(Entry(key: key, block: block))
            last = key
        }
    }

    /// The index as a file; `fileBytes` are those of the packets' file.
    mutating func encoded(fileBytes: Int) -> [UInt8] {
        entries.sort()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24 + blocks.count * 32 + entries.count * 12)
        bytes.append(littleEndian: PacketIndexBuilder.magic)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: blocks.count))
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: entries.count))
        bytes.append(littleEndian: UInt64(fileBytes))
        for block in blocks {
            bytes.append(littleEndian: UInt64(block.offset))
            bytes.append(littleEndian: UInt64(block.byteCount))
            bytes.append(littleEndian: UInt64(bitPattern: block.oldest.nanoseconds))
            bytes.append(littleEndian: UInt64(bitPattern: block.newest.nanoseconds))
        }
        for entry in entries { bytes.append(littleEndian: entry.key) }
        for entry in entries { bytes.append(littleEndian: entry.block) }
        var sum: [UInt8] = []
        sum.append(littleEndian: PageChecksum.crc32(bytes, from: 8))
        bytes.replaceSubrange(4..<8, with: sum)
        return bytes
    }

    /// The index of a file, made from its blocks; a torn one at the end is not among them. Answers the octets that are
    /// whole too.
    static func scan(_ file: MappedSegment) -> (index: PacketIndexBuilder, wholeBytes: Int) {
        var index = PacketIndexBuilder()
        var offset = 0
        while let header = PacketBlockHeader(file, offset), header.isWhole(file, offset),
            let flows = header.flows(file, offset)
        {
            index.add(
                PacketBlockPlace(
                    offset: offset, byteCount: header.blockBytes, oldest: header.oldest, newest: header.newest), flows)
            offset += header.blockBytes
        }
        return (index, offset)
    }

    /// The blocks with one of the keys, in order; nil keys are all blocks.
    mutating func places(_ keys: [UInt64]?) -> [PacketBlockPlace] {
        guard let keys else { return blocks }
        let wanted = Set(keys)
        return Set(entries.filter { wanted.contains($0.key) }.map(\.block)).sorted().map { blocks[Int($0)] }
    }
}

/// An index file, mapped: a question reads a few of its pages.
struct PacketIndexFile {
    private let file: MappedSegment
    private let blockCount: Int
    private let keyCount: Int
    private static let headerBytes = 24

    /// Nil where the file is not there or does not belong to packets of `fileBytes` octets.
    init?(path: String, fileBytes: Int) {
        guard let file = try? MappedSegment(path: path), let first = file.word(0), let counts = file.word(8),
            UInt32(truncatingIfNeeded: first) == PacketIndexBuilder.magic, file.word(16) == UInt64(fileBytes)
        else { return nil }
        self.file = file
        blockCount = Int(UInt32(truncatingIfNeeded: counts))
        keyCount = Int(UInt32(truncatingIfNeeded: counts >> 32))
        guard file.byteCount == PacketIndexFile.headerBytes + blockCount * 32 + keyCount * 12 else { return nil }
    }

    /// Whether it is as it was written.
    var isWhole: Bool {
        guard let first = file.word(0) else { return false }
        return file.checksum(8, file.byteCount - 8) == UInt32(truncatingIfNeeded: first >> 32)
    }

    private var keysStart: Int { PacketIndexFile.headerBytes + blockCount * 32 }

    private func key(_ place: Int) -> UInt64 { file.word(keysStart + place * 8) ?? .max }

    private func block(of place: Int) -> Int {
        guard let bytes = file.bytes(keysStart + keyCount * 8 + place * 4, 4) else { return 0 }
        var reader = OctetReader(bytes)
        return Int(reader.number(4) ?? 0)
    }

    private func place(_ block: Int) -> PacketBlockPlace? {
        let start = PacketIndexFile.headerBytes + block * 32
        guard block < blockCount, let offset = file.word(start), let count = file.word(start + 8),
            let oldest = file.word(start + 16), let newest = file.word(start + 24), offset < 1 << 48, count < 1 << 32
        else { return nil }
        return PacketBlockPlace(
            offset: Int(offset), byteCount: Int(count), oldest: Timestamp(nanoseconds: Int64(bitPattern: oldest)),
            newest: Timestamp(nanoseconds: Int64(bitPattern: newest)))
    }

    /// The blocks with one of the keys, in order; nil keys are all blocks.
    func places(_ keys: [UInt64]?) -> [PacketBlockPlace] {
        guard let keys else { return (0..<blockCount).compactMap(place) }
        var blocks = Set<Int>()
        for wanted in keys {
            var (low, high) = (0, keyCount)
            while low < high {
                let middle = (low + high) / 2
                if key(middle) < wanted { low = middle + 1 } else { high = middle }
            }
            while low < keyCount, key(low) == wanted {
                blocks.insert(block(of: low))
                low += 1
            }
        }
        return blocks.sorted().compactMap(place)
    }
}
