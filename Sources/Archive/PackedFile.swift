// SPDX-License-Identifier: Apache-2.0
//
// The octets of one file, unpacked, piece by piece.
//
// Reads   a file, plain or gzip (known by its first octets), or a member of a zip archive.
// Writes  plain octets behind those that the caller still needs.
// Leaves  other packings.

import Foundation

/// Why a file could not be read to its end.
package enum PackedDamage: Equatable, Sendable {
    /// The stream ends before its time: half-written, or cut.
    case truncated
    /// What stands in the stream is damaged.
    case damaged
    /// It unpacks to more than is believed.
    case bomb(ratio: Int)
    /// The system does not give it.
    case unreadable(String)

    package var sentence: String {
        switch self {
        case .truncated: "the packed data ends before its time; it is read again when the file has grown"
        case .damaged: "the packed data is damaged; what stood before was read"
        case .bomb(let ratio): "the packed data unpacks to more than \(ratio) times its size; the rest was left"
        case .unreadable(let why): why
        }
    }
}

/// What packed octets may unpack to.
package struct PackedLimits: Sendable {
    /// Octets that one file unpacks to, at most.
    package var plainBytesMax: Int
    /// What a packed octet may unpack to once `graceBytes` are there. Logs reach 30, deflate itself 1030.
    package var ratioMax: Int
    package var graceBytes: Int

    package init(plainBytesMax: Int, ratioMax: Int = 250, graceBytes: Int = 64 << 20) {
        (self.plainBytesMax, self.ratioMax, self.graceBytes) = (plainBytesMax, ratioMax, graceBytes)
    }
}

/// One file, read once, in pieces.
package final class PackedFile {
    private let handle: FileHandle
    private let limits: PackedLimits
    private let member: ZipMember?
    private var unpacker: Unpacker?
    private var packed: [UInt8] = []
    private var packedPosition = 0
    private var packedCount = 0
    /// Octets that were unpacked so far.
    package private(set) var plainCount = 0
    private var checksum: UInt32 = 0
    package private(set) var hasEnded = false
    package private(set) var damage: PackedDamage?
    /// Whether a place in the unpacked octets is no place in the file.
    package var isPacked: Bool { unpacker != nil || member != nil }

    private static let pieceBytes = 1 << 20

    /// Opens a file; a plain one is read from `offset` on. nil where it cannot be opened.
    ///
    /// - Parameter member: of a zip archive the file that is meant.
    package init?(path: String, offset: Int = 0, member: ZipMember? = nil, limits: PackedLimits) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        self.handle = handle
        self.limits = limits
        self.member = member
        if let member {
            if member.isPacked { unpacker = Unpacker(.deflate) }
            try? handle.seek(toOffset: UInt64(member.offset))
            return
        }
        let head = (try? handle.read(upToCount: 2)) ?? Data()
        if head.elementsEqual([0x1F, 0x8B]) {
            unpacker = Unpacker(.gzip)
            try? handle.seek(toOffset: 0)
        } else {
            try? handle.seek(toOffset: UInt64(offset))
        }
    }

    deinit { try? handle.close() }

    /// Appends the next piece to `target`. Nothing more comes once `hasEnded` is set.
    package func fill(_ target: inout [UInt8]) {
        guard !hasEnded else { return }
        // All members of an archive share what it may unpack to, packed or not.
        guard plainCount <= limits.plainBytesMax else { return end(.bomb(ratio: limits.ratioMax)) }
        let start = target.count
        guard let unpacker else {
            if let piece = read() {
                target.append(contentsOf: piece)
                if member != nil { plainCount += piece.count }
            }
            return check(target[start...])
        }
        while target.count - start < PackedFile.pieceBytes, !hasEnded {
            if packedPosition == packed.count {
                guard let piece = read() else {
                    if damage == nil, !unpacker.isAtEnd { damage = .truncated }
                    break
                }
                packed = piece
                packedPosition = 0
            }
            let before = target.count
            let outcome = unpacker.unpack(packed, &packedPosition, to: &target, room: PackedFile.pieceBytes)
            plainCount += target.count - before
            if outcome == .damaged { end(.damaged) }
            let used = max(packedCount - packed.count + packedPosition, 1)
            if plainCount > limits.plainBytesMax
                || plainCount > limits.graceBytes && plainCount / used > limits.ratioMax
            {
                end(.bomb(ratio: limits.ratioMax))
            }
        }
        check(target[start...])
    }

    /// Of a member the check sum, once it is whole.
    private func check(_ piece: ArraySlice<UInt8>) {
        guard let member else { return }
        checksum = Unpacker.checksum(checksum, piece)
        if hasEnded, damage == nil, checksum != member.checksum { damage = .damaged }
    }

    private func end(_ damage: PackedDamage) {
        self.damage = damage
        hasEnded = true
    }

    private func read() -> [UInt8]? {
        let wanted = min(PackedFile.pieceBytes, member.map { $0.packedCount - packedCount } ?? .max)
        do {
            if wanted > 0, let data = try handle.read(upToCount: wanted), !data.isEmpty {
                packedCount += data.count
                return [UInt8](data)
            }
        } catch {
            damage = .unreadable("it cannot be read further")
        }
        hasEnded = true
        return nil
    }

    /// All octets of a file. Throws why it is not whole, or has more than the limits allow.
    package static func whole(
        _ path: String, member: ZipMember? = nil, limits: PackedLimits
    ) throws(PackedDamage) -> [UInt8] {
        guard let file = PackedFile(path: path, member: member, limits: limits) else {
            throw .unreadable("it cannot be opened")
        }
        var octets: [UInt8] = []
        while !file.hasEnded {
            file.fill(&octets)
            if !file.isPacked, octets.count > limits.plainBytesMax {
                throw .unreadable("it has more than \(limits.plainBytesMax >> 20) MiB")
            }
        }
        if let damage = file.damage { throw damage }
        return octets
    }
}

extension PackedDamage: Error {}
