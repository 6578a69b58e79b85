// SPDX-License-Identifier: Apache-2.0
//
// Sets of values that rules ask and fill (`dataset`, `datarep`).
//
// Reads   octets of buffers; lists, once, at load.
// Writes  its own table.
// Leaves  the files' formats (DatasetFile.swift), the keyword (DatasetParser.swift).

import Records
import Synchronization
import Wire

/// What a dataset's values are.
package enum DatasetType: UInt8, Sendable, BitwiseCopyable {
    case string, md5, sha256, ipv4, ip
}

/// A set of octet strings, each with a reputation (`datarep`) or a context (JSON
/// lists). Shared by all workers; a question holds the lock for one look-up.
package final class Dataset: Sendable {
    package let name: String
    package let type: DatasetType
    /// Where the set is to be written at the end; nil where it is not.
    package let savePath: String?
    /// More than a file makes it: it is saved, or no file was named.
    package let isOfTraffic: Bool
    /// A name is found when a name above it is in the set: `a.b.c` by `b.c`.
    package let matchesSubdomains: Bool
    /// The key in an alert below which the context of a value stands; empty without contexts.
    package let contextKey: String
    /// Octets of values that a set may hold; what comes beyond is counted and not kept.
    package static let bytesMax = 64 << 20
    private let limit: Int

    private struct State {
        var table = ByteTable()
        var dropped: UInt64 = 0
        /// A value came or went since it was read, or written last.
        var isChanged = false
        /// JSON objects of the values, by their number in the table.
        var contexts: [Int: [UInt8]] = [:]
    }
    private let state = Mutex(State())

    package init(
        name: String, type: DatasetType, savePath: String? = nil, isLoaded: Bool = true,
        matchesSubdomains: Bool = false, contextKey: String = "", bytesMax: Int? = nil
    ) {
        self.name = name
        self.type = type
        self.savePath = savePath
        isOfTraffic = savePath != nil || !isLoaded
        self.matchesSubdomains = matchesSubdomains
        self.contextKey = contextKey
        limit = bytesMax ?? Dataset.bytesMax
    }

    package var count: Int { state.withLock { $0.table.count } }
    /// Values that found no room.
    package var dropped: UInt64 { state.withLock { $0.dropped } }

    /// Adds a value; false where it was there, or where there is no room.
    @discardableResult
    package func insert(_ value: RawSpan, reputation: UInt16 = 0) -> Bool {
        state.withLock { state in
            guard state.table.octetCount &+ value.byteCount <= limit else {
                state.dropped &+= 1
                return false
            }
            let isNew = state.table.insert(value, reputation)
            if isNew { state.isChanged = true }
            return isNew
        }
    }

    /// Adds a value with the JSON object that alerts carry for it.
    func insert(_ value: RawSpan, context: [UInt8]) {
        insert(value)
        state.withLock { state in
            if let number = state.table.number(of: value) { state.contexts[number] = context }
        }
    }

    /// The JSON object of a value; nil without one.
    package func context(of value: RawSpan) -> [UInt8]? {
        state.withLock { state in state.table.number(of: value).flatMap { state.contexts[$0] } }
    }

    package func remove(_ value: RawSpan) -> Bool {
        state.withLock { state in
            let wasThere = state.table.remove(value)
            if wasThere { state.isChanged = true }
            return wasThere
        }
    }

    /// What was read from the file is no change.
    func settle() { state.withLock { $0.isChanged = false } }

    package func contains(_ value: RawSpan) -> Bool { reputation(of: value) != nil }

    /// The reputation of a value, nil where it is not in the set.
    package func reputation(of value: RawSpan) -> UInt16? {
        state.withLock { state in
            if let found = state.table.value(of: value) { return found }
            guard matchesSubdomains else { return nil }
            var rest = value
            while let dot = rest.firstIndex(of: 0x2E) {
                rest = rest.extracting((dot &+ 1)..<rest.byteCount)
                if let found = state.table.value(of: rest) { return found }
            }
            return nil
        }
    }

    /// The lines of the set's file, in order of insertion, where something has changed since it was read or since
    /// this was asked last; nil where nothing has. Strings stand in base64, digests in hexadecimal digits.
    package func changedLines() -> [UInt8]? {
        let values: [[UInt8]]? = state.withLock { state in
            guard state.isChanged else { return nil }
            state.isChanged = false
            return state.table.keys()
        }
        guard let values else { return nil }
        var lines = TextBuffer()
        for value in values {
            switch type {
            case .string: Base64.append(value, to: &lines.bytes)
            case .md5, .sha256: lines.append(hexadecimal: value.octets)
            case .ipv4, .ip:
                let octets = value.octets
                let address =
                    octets.byteCount == 4
                    ? Address(v4: octets.load32(0)) : Address(high: octets.load64(0), low: octets.load64(8))
                lines.bytes.append(contentsOf: "\(address)".utf8)
            }
            lines.bytes.append(0x0A)
        }
        return lines.bytes
    }

    /// The lines could not be written: they are asked for again.
    package func markChanged() { state.withLock { $0.isChanged = true } }
}

/// Octet strings in one arena, found by hash: a question allocates nothing.
struct ByteTable {
    private struct Entry {
        var hash: UInt64
        var offset: Int
        var length: Int
        var value: UInt16
        var isRemoved = false
    }
    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    /// Indices into `entries` plus one; 0 is empty. A power of two.
    private var slots = [UInt32](repeating: 0, count: 16)
    private(set) var count = 0
    private let key0 = UInt64.random(in: .min ... .max)

    var octetCount: Int { arena.count }

    func value(of key: RawSpan) -> UInt16? {
        guard let index = find(key, hash(key)) else { return nil }
        return entries[index].isRemoved ? nil : entries[index].value
    }

    /// Where a key stands among all that were ever added.
    func number(of key: RawSpan) -> Int? { find(key, hash(key)) }

    mutating func insert(_ key: RawSpan, _ value: UInt16) -> Bool {
        let hash = hash(key)
        if let index = find(key, hash) {
            let wasRemoved = entries[index].isRemoved
            entries[index].isRemoved = false
            entries[index].value = value
            count += wasRemoved ? 1 : 0
            return wasRemoved
        }
        if (entries.count + 1) * 4 > slots.count * 3 { grow() }
        entries.append(Entry(hash: hash, offset: arena.count, length: key.byteCount, value: value))
        key.append(to: &arena)
        place(UInt32(truncatingIfNeeded: entries.count), hash)
        count += 1
        return true
    }

    mutating func remove(_ key: RawSpan) -> Bool {
        guard let index = find(key, hash(key)), !entries[index].isRemoved else { return false }
        entries[index].isRemoved = true
        count -= 1
        return true
    }

    func keys() -> [[UInt8]] {
        entries.filter { !$0.isRemoved }.map { Array(arena[$0.offset..<$0.offset + $0.length]) }
    }

    private func find(_ key: RawSpan, _ hash: UInt64) -> Int? {
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) &- 1
            if entries[index].hash == hash, equals(entries[index], key) { return index }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    private func equals(_ entry: Entry, _ key: RawSpan) -> Bool {
        guard entry.length == key.byteCount else { return false }
        for index in 0..<entry.length where arena[entry.offset &+ index] != key.octet(index) { return false }
        return true
    }

    private mutating func place(_ number: UInt32, _ hash: UInt64) {
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot &+ 1) & mask }
        slots[slot] = number
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for index in entries.indices { place(UInt32(truncatingIfNeeded: index + 1), entries[index].hash) }
    }

    /// Keyed, so that traffic cannot choose values that meet in one slot.
    private func hash(_ key: RawSpan) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(key0)
        var index = 0
        while index &+ 8 <= key.byteCount {
            hasher.combine(key.load(index) as UInt64)
            index &+= 8
        }
        while index < key.byteCount {
            hasher.combine(key.octet(index))
            index &+= 1
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// Digests of files, from a list beside the rule file (`filemd5`, `filesha1`, `filesha256`).
package final class FileHashList: Sendable {
    package enum Algorithm: UInt8, Sendable, BitwiseCopyable {
        case md5, sha1, sha256

        package var byteCount: Int {
            switch self {
            case .md5: 16
            case .sha1: 20
            case .sha256: 32
            }
        }
    }
    package let algorithm: Algorithm
    private let table: ByteTable

    init(_ algorithm: Algorithm, _ digests: [[UInt8]]) {
        self.algorithm = algorithm
        var table = ByteTable()
        for digest in digests { _ = table.insert(digest.octets, 0) }
        self.table = table
    }

    package var count: Int { table.count }

    /// `digest` is raw octets.
    package func contains(_ digest: RawSpan) -> Bool { table.value(of: digest) != nil }
}

extension FileHashList.Algorithm {
    /// The buffer in which the file layer shows such a digest.
    var buffer: SignatureBuffer {
        switch self {
        case .md5: .fileMD5
        case .sha1: .fileSHA1
        case .sha256: .fileSHA256
        }
    }
}
