// SPDX-License-Identifier: Apache-2.0
//
// Hashes of hellos that were computed before: a program says the same hello each time.
//
// Reads   the numbers that a fingerprint is made of.
// Writes  the text that was hashed, and the digest in hexadecimal.
// Leaves  what goes into a fingerprint (TLS+Fingerprints.swift).

/// A table of fixed size; a new entry takes the place of the one that stood there.
struct FingerprintCache: Sendable {
    private static let entryCount = 1024
    /// Numbers of one key; a hello with more is hashed each time.
    private static let keyCountMax = 256

    private struct Entry {
        var key: [UInt16] = []
        var line: [UInt8] = []
        var digest: [UInt8] = []
    }

    private var entries: [Entry] = []
    /// Nobody outside can choose hellos that fall on one place.
    private let seed = UInt64.random(in: .min ... .max)

    /// Appends what is known for a key, the text that was hashed only where it is wanted; false where nothing is known.
    func append(_ key: [UInt16], line: inout [UInt8], wantsLine: Bool, digest: inout [UInt8]) -> Bool {
        guard !entries.isEmpty else { return false }
        let place = place(of: key)
        guard entries[place].key == key else { return false }
        if wantsLine { line.append(contentsOf: entries[place].line) }
        digest.append(contentsOf: entries[place].digest)
        return true
    }

    mutating func keep(_ key: [UInt16], line: [UInt8], digest: ArraySlice<UInt8>) {
        guard key.count <= FingerprintCache.keyCountMax else { return }
        if entries.isEmpty { entries = Array(repeating: Entry(), count: FingerprintCache.entryCount) }
        entries[place(of: key)] = Entry(key: key, line: line, digest: Array(digest))
    }

    private func place(of key: [UInt16]) -> Int {
        var hash = seed
        for word in key {
            hash = (hash ^ UInt64(word)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return Int(truncatingIfNeeded: (hash >> 20) % UInt64(FingerprintCache.entryCount))
    }
}
