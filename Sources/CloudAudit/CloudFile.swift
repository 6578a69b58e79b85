// SPDX-License-Identifier: Apache-2.0
//
// The octets of one audit file, unpacked, piece by piece.
//
// Reads   a file, plain or gzip (known by its first octets).
// Writes  plain octets behind those that the caller still needs.
// Leaves  other packings.

import Foundation

/// Why a file could not be read to its end.
package enum CloudFileDamage: Equatable, Sendable {
    /// The gzip stream ends inside a member: half-written, or cut.
    case truncatedGzip
    /// What stands in the gzip stream is damaged.
    case damagedGzip
    /// It unpacks to more than is believed.
    case bomb
    /// The system does not give it.
    case unreadable(String)

    package var sentence: String {
        switch self {
        case .truncatedGzip: "the gzip stream ends before its time; it is read again when the file has grown"
        case .damagedGzip: "the gzip stream is damaged; what stood before was read"
        case .bomb: "the gzip stream unpacks to more than \(CloudLimits.ratioMax) times its size; the rest was left"
        case .unreadable(let why): why
        }
    }
}

/// One file, read once, in pieces.
final class CloudFile {
    private let handle: FileHandle
    private var gzip: GzipReader?
    private var packed: [UInt8] = []
    private var packedPosition = 0
    private var packedCount = 0
    private var plainCount = 0
    private(set) var hasEnded = false
    private(set) var damage: CloudFileDamage?
    var isGzip: Bool { gzip != nil }

    private static let pieceBytes = 1 << 20

    /// Opens the file; plain ones are read from `offset` on. nil where it cannot be opened.
    init?(path: String, offset: Int) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        self.handle = handle
        let head = (try? handle.read(upToCount: 2)) ?? Data()
        if head.elementsEqual([0x1F, 0x8B]) {
            gzip = GzipReader()
            try? handle.seek(toOffset: 0)
        } else {
            try? handle.seek(toOffset: UInt64(offset))
        }
    }

    deinit { try? handle.close() }

    /// Appends the next piece to `target`. Nothing more comes once `hasEnded` is set.
    func fill(_ target: inout [UInt8]) {
        guard !hasEnded else { return }
        guard let gzip else {
            guard let piece = read() else { return }
            target.append(contentsOf: piece)
            return
        }
        let start = target.count
        while target.count - start < CloudFile.pieceBytes, !hasEnded {
            if packedPosition == packed.count {
                guard let piece = read() else {
                    if damage == nil, !gzip.isBetweenMembers { damage = .truncatedGzip }
                    return
                }
                packed = piece
                packedPosition = 0
                packedCount += piece.count
            }
            let before = target.count
            let outcome = gzip.unpack(packed, &packedPosition, to: &target, room: CloudFile.pieceBytes)
            plainCount += target.count - before
            if outcome == .damaged { end(.damagedGzip) }
            let used = max(packedCount - packed.count + packedPosition, 1)
            let isTooMuch = plainCount > CloudLimits.ratioGraceBytes && plainCount / used > CloudLimits.ratioMax
            if isTooMuch || plainCount > CloudLimits.unpackedBytesMax { end(.bomb) }
        }
    }

    private func end(_ damage: CloudFileDamage) {
        self.damage = damage
        hasEnded = true
    }

    private func read() -> [UInt8]? {
        do {
            if let data = try handle.read(upToCount: CloudFile.pieceBytes), !data.isEmpty { return [UInt8](data) }
        } catch {
            damage = .unreadable("it cannot be read further")
        }
        hasEnded = true
        return nil
    }
}
